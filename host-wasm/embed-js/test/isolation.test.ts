/** Token, secret and address stay in the host: the component never sees them, nor does anybody else. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { test } from "node:test";

import { newInstance, openMachine } from "../src/component.js";
import { SECRET, TOKEN, stage } from "./stage.js";
import { until } from "./wait.js";

test("neither the token nor the secret nor the relay's address reaches the component", async (test) => {
  const seen: string[] = [];
  const { relay, agent, proxy, events, dataDir } = await stage(test, {}, (config, seed, now, records) => {
    const machine = openMachine(config, seed, now, records);
    return {
      step(now, inputs) {
        seen.push(inspect(inputs, { depth: 20, maxArrayLength: null, maxStringLength: null }), ...textsOf(inputs));
        return machine.step(now, inputs);
      },
    };
  });
  await agent.connect();
  const answers = [await agent.ask("tools/list"), await agent.call("relay_find")];
  const cookies = { cookie: `a=${SECRET}`, "proxy-authorization": SECRET };
  answers.push(await agent.send("POST", '{"jsonrpc":"2.0","id":9,"method":"ping"}', cookies));
  relay.token = "another";
  answers.push(await agent.call("relay_find"), await agent.call("relay_send_message"));
  await relay.stop();
  answers.push(await agent.call("relay_find"), await agent.call("relay_send_message"));
  await until("the steps", () => seen.some((text) => text.includes("relay-failed")));

  const address = new URL(relay.endpoint).host;
  for (const hidden of [TOKEN, SECRET, address]) {
    assert.ok(!seen.some((text) => text.includes(hidden)), `the component saw ${hidden}`);
    assert.ok(!readFileSync(join(dataDir, "store.log"), "utf8").includes(hidden), `the store holds ${hidden}`);
    assert.ok(!inspect(events, { depth: 20 }).includes(hidden), `the runner was told ${hidden}`);
  }
  for (const { text, headers } of answers) {
    assert.ok(!text.includes(TOKEN) && !inspect(headers).includes(TOKEN), "the agent saw the token");
  }
  assert.ok(relay.arrived.length > 0 && relay.arrived.every(({ token }) => token === TOKEN));
  assert.equal(proxy.status()?.relay, "down");
});

/** The bytes in inputs, as text. */
function textsOf(value: unknown): string[] {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString("latin1")];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

test("the component imports nothing", () => {
  assert.doesNotThrow(newInstance);
});
