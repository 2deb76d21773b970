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

// What was heard, in order; who waits for a number of things is told when they are there.
export class Heard {
    things = [];
    #more = Promise.withResolvers();

    add(thing) {
        this.things.push(thing);
        this.#more.resolve();
        this.#more = Promise.withResolvers();
    }

    async are(count) {
        while (this.things.length < count) await this.#more.promise;
        return this.things;
    }
}
