/** A machine that traps is opened again from the store: what was in flight gets an error, nothing accepted is lost. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Machine, type OpenMachine, openMachine } from "../src/component.js";
import { stage } from "./stage.js";
import { until } from "./wait.js";

/** Machines that trap when they are told to. */
class Trapping {
  opened = 0;
  /** Whether the next step traps. */
  isNext: (inputs: Parameters<Machine["step"]>[1]) => boolean = () => false;

  readonly open: OpenMachine = (...given) => {
    this.opened += 1;
    const machine = openMachine(...given);
    let isGone = false;
    return {
      step: (now, inputs) => {
        assert.ok(!isGone, "a machine that trapped was stepped again");
        isGone = this.isNext(inputs);
        if (isGone) throw new WebAssembly.RuntimeError("unreachable");
        return machine.step(now, inputs);
      },
    };
  };
}

test("a request whose step traps gets an error under its own id, and the next one is served", async (test) => {
  const machines = new Trapping();
  const { agent, events } = await stage(test, {}, machines.open);
  await agent.connect();
  machines.isNext = (inputs) => {
    const traps = inputs.some((input) => input.tag === "request");
    if (traps) machines.isNext = () => false;
    return traps;
  };
  const { status, json } = await agent.call("relay_find");
  assert.equal(status, 200);
  assert.equal(json.error.code, -32603);
  assert.deepEqual(json.error.data, { delivered: "no" });
  assert.equal((await agent.call("relay_find")).json.result.content[0].text, "done");
  assert.equal(machines.opened, 2);
  assert.ok(events.some((event) => event.tag === "machine-failed" && event.val === "unreachable"));
});

test("what is in flight when a machine traps gets an error, and open streams are broken off", async (test) => {
  const machines = new Trapping();
  const { agent, relay } = await stage(test, {}, machines.open);
  await agent.connect();
  const stream = await agent.listen();
  await until("the stream", () => stream.text !== "");
  machines.isNext = (inputs) => {
    const traps = relay.applied.length > 0 && inputs.some((input) => input.tag === "relay-head");
    if (traps) machines.isNext = () => false;
    return traps;
  };
  const { json } = await agent.call("relay_find");
  assert.deepEqual(json.error.data, { delivered: "unknown" });
  await until("the end of the stream", () => stream.isOver);
  assert.equal(relay.applied.length, 1);
});

test("writes outlive thirty traps, and each is delivered once and in order", async (test) => {
  const machines = new Trapping();
  const { agent, relay, proxy } = await stage(test, {}, machines.open);
  await agent.connect();
  await relay.stop();
  const accepted: string[] = [];
  let traps = 0;
  for (let write = 0; traps < 30; write += 1) {
    machines.isNext = (inputs) => {
      const isTrap = write % 2 === 1 && inputs.some((input) => input.tag === "request");
      if (isTrap) {
        machines.isNext = () => false;
        traps += 1;
      }
      return isTrap;
    };
    const { json } = await agent.call("relay_send_message", { text: String(write) });
    if (json.result?.structuredContent.queued) accepted.push(String(write));
    else assert.equal(json.error.data.delivered, "no");
  }
  assert.equal(accepted.length, 30);
  await until("the depth", () => proxy.status()?.outbox.depth === 30n);
  await relay.start();
  await until("the delivery of all", () => relay.applied.length >= accepted.length);
  await until("an empty outbox", () => proxy.status()?.outbox.depth === 0n);
  assert.deepEqual(relay.applied.map((applied) => applied.arguments["text"]), accepted);
});

test("a context that was set is the context of the machine that is opened again", async (test) => {
  const machines = new Trapping();
  const { agent, proxy, relay } = await stage(test, {}, machines.open);
  await agent.connect();
  proxy.setContext({ isolatedWorktree: true });
  machines.isNext = () => ((machines.isNext = () => false), true);
  await agent.ask("ping");
  assert.deepEqual(await agent.menu(), relay.tools);
});
