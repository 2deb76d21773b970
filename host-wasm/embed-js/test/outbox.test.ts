/** What was accepted is delivered, in order and once, whatever happens to the relay or to the runner. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Agent } from "./agent.js";
import { Relay } from "./relay.js";
import { SECRET, TOKEN, directory, stage } from "./stage.js";
import { until } from "./wait.js";

/** The texts of the writes that the relay applied. */
const texts = (relay: Relay) => relay.applied.map((applied) => applied.arguments["text"]);

/** A runner in a process of its own, that can be killed. */
class Runner {
  private constructor(
    readonly process: ChildProcess,
    readonly agent: Agent,
  ) {}

  static async start(test: TestContext, relay: Relay, dataDir: string): Promise<Runner> {
    const script = fileURLToPath(new URL("runner.js", import.meta.url));
    const env = { ...process.env, RELAY: relay.endpoint, TOKEN, SECRET, DATA_DIR: dataDir };
    const child = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "inherit"] });
    test.after(() => child.kill("SIGKILL"));
    const [line] = await once(createInterface(child.stdout), "line");
    return new Runner(child, new Agent((JSON.parse(line as string) as { url: string }).url, SECRET));
  }

  async kill(): Promise<void> {
    const gone = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await gone;
  }
}

test("writes that were queued when the runner was killed are delivered by the next one, in order and once", async (test) => {
  const relay = await new Relay().start();
  test.after(() => relay.stop());
  await relay.stop();
  const dataDir = directory(test);
  const accepted: string[] = [];
  for (let life = 0; life < 3; life += 1) {
    const runner = await Runner.start(test, relay, dataDir);
    for (let write = 0; write < 5; write += 1) {
      const text = `${life}.${write}`;
      const { json } = await runner.agent.call("relay_send_message", { text });
      assert.equal(json.result.structuredContent.queued, true);
      accepted.push(text);
    }
    await runner.kill();
  }
  const runner = await Runner.start(test, relay, dataDir);
  await relay.start();
  await until("the delivery of all", () => relay.applied.length >= accepted.length);
  await runner.agent.call("relay_send_message", { text: "the last" });
  await until("the last", () => texts(relay).includes("the last"));
  assert.deepEqual(texts(relay), [...accepted, "the last"]);
});

test("a runner that is killed at any moment loses no write that was accepted, and applies none twice", async (test) => {
  const relay = await new Relay().start();
  test.after(() => relay.stop());
  const dataDir = directory(test);
  const accepted: string[] = [];
  for (let life = 0; life < 8; life += 1) {
    if (life % 2 === 0) await relay.stop();
    const runner = await Runner.start(test, relay, dataDir);
    const killed = new Promise((resolve) => setTimeout(resolve, 15 * life)).then(() => runner.kill());
    try {
      for (let write = 0; ; write += 1) {
        const idempotencyKey = `${life}.${write}`;
        const { json } = await runner.agent.call("relay_reply", { text: idempotencyKey, idempotencyKey });
        if (json?.result !== undefined) accepted.push(idempotencyKey);
      }
    } catch {
      // The connection is gone, and with it whatever was not answered.
    }
    await killed;
    if (life % 2 === 0) await relay.start();
  }
  await Runner.start(test, relay, dataDir);
  await until("the delivery of all", () => accepted.every((text) => texts(relay).includes(text)));
  assert.equal(new Set(texts(relay)).size, relay.applied.length);
  const order = texts(relay).filter((text) => accepted.includes(text as string));
  assert.deepEqual(order, accepted);
});

test("newer writes go behind those that wait, though the relay is back", async (test) => {
  const { relay, agent, proxy } = await stage(test);
  await agent.connect();
  relay.status = 503;
  for (const text of ["a", "b"]) await agent.call("relay_send_message", { text });
  assert.equal(proxy.status()?.outbox.depth, 2n);
  relay.status = undefined;
  await agent.call("relay_send_message", { text: "c" });
  await until("the delivery of all", () => relay.applied.length === 3);
  assert.deepEqual(texts(relay), ["a", "b", "c"]);
});

test("what the relay refuses for good is kept, and tried again by hand", async (test) => {
  const { relay, agent, proxy } = await stage(test);
  await agent.connect();
  relay.status = 503;
  await agent.call("relay_send_message", { text: "a", idempotencyKey: "k" });
  relay.status = 400;
  await until("the dead letter", async () => (await proxy.outbox())[0]?.state === "dead");
  assert.match((await proxy.showWrite("k"))?.params ?? "", /"text":"a"/);
  relay.status = undefined;
  assert.equal(await proxy.retryWrite("k"), true);
  await until("an empty outbox", async () => (await proxy.outbox()).length === 0);
  assert.equal(relay.applied.length, 1);
  assert.equal(await proxy.retryWrite("k"), false);
});

test("a queue that a refused token has paused goes on with the next token", async (test) => {
  let token = "old";
  const { relay, agent, proxy } = await stage(test, { getToken: () => token });
  await agent.connect();
  relay.status = 503;
  await agent.call("relay_send_message", { text: "a" });
  relay.status = undefined;
  relay.token = "new";
  await until("the pause", () => proxy.status()?.outbox.paused);
  token = "new";
  await until("the delivery", () => relay.applied.length === 1);
});

test("a restart of the relay, which forgets its sessions, is not seen", async (test) => {
  const { relay, agent } = await stage(test);
  await agent.connect();
  const { session } = agent;
  for (let time = 0; time < 3; time += 1) {
    await relay.stop();
    const waiting = agent.call("relay_find");
    await relay.start();
    assert.equal((await waiting).json.result.content[0].text, "done");
    assert.equal((await agent.call("relay_find")).json.result.content[0].text, "done");
  }
  assert.equal(agent.session, session);
});
