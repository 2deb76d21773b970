// A client as a process: one JSON line in is one thing to do, one JSON line out is what came of it. The test
// that starts it, `tests/real_clients/scripted.rs`, says what there is to do.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

// The packages of this client are in the folder that it is started in.
export const require = createRequire(`${process.cwd()}/`);

// `deeds` maps what there is to do to a function of the line, which answers with an object.
export async function obey(deeds) {
    for await (const line of createInterface({ input: process.stdin })) {
        const wish = JSON.parse(line);
        let answer;
        try {
            answer = await deeds[wish.do](wish);
        } catch (error) {
            answer = { error: `${error.name}: ${error.message}` };
        }
        process.stdout.write(`${JSON.stringify(answer)}\n`);
    }
}

// How often something has happened; who waits for a number of times is told when it is reached.
export class Counter {
    #count = 0;
    #waiting = [];

    add() {
        this.#count += 1;
        this.#waiting = this.#waiting.filter(({ times, reached }) => times > this.#count || void reached());
    }

    async reaches(times) {
        if (this.#count < times) await new Promise((reached) => this.#waiting.push({ times, reached }));
        return this.#count;
    }
}
