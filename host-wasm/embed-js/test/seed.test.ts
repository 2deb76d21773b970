/** What the seed does, as a runner and its agent see it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { DEFAULT_BUFFERABLE_TOOLS, RelayMcpProxy } from "../src/index.js";
import { Agent } from "./agent.js";
import { TOKEN, directory, stage } from "./stage.js";
import { until } from "./wait.js";

const LIST_CHANGED = "notifications/tools/list_changed";
const FOR_ALL = ["relay_send_message", "relay_reply", "relay_find"];

test("start gives the address at once, and stop closes it", async (test) => {
  const { proxy, agent } = await stage(test);
  assert.match(agent.url, /^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
  await agent.connect();
  const stream = await agent.listen();
  await until("the stream", () => proxy.sseClientCount() === 1);
  await proxy.stop();
  await until("the end of the stream", () => stream.isOver);
  assert.equal(proxy.sseClientCount(), 0);
  await assert.rejects(agent.ask("ping"));
});

test("only the agent's secret opens the one path", async (test) => {
  const { agent } = await stage(test);
  const stranger = await agent.send("POST", "{}", { authorization: "Bearer of-a-stranger" });
  assert.equal(stranger.status, 401);
  assert.deepEqual(stranger.json.error, { code: -32001, message: "proxy auth required" });
  assert.equal((await new Agent(agent.url.replace("/mcp", "/other"), agent.secret).send("GET")).status, 404);
  assert.equal((await agent.send("PUT", "{}")).status, 405);
  assert.equal((await agent.send("DELETE")).status, 204);
});

test("the hello is the relay's, and says that the menu may change", async (test) => {
  const { agent } = await stage(test);
  const { json } = await agent.connect();
  assert.deepEqual(json.result.serverInfo, { name: "relay", version: "1" });
  assert.equal(json.result.extra, 7);
  assert.deepEqual(json.result.capabilities, { tools: { listChanged: true } });
});

test("an agent that comes before the relay is greeted all the same, and works once it is there", async (test) => {
  const { agent, relay } = await stage(test);
  await relay.stop();
  const { json } = await agent.connect();
  assert.equal(json.result.protocolVersion, "2024-11-05");
  assert.deepEqual(json.result.serverInfo, { name: "agent-relay", title: "Agent Relay (via runner)", version: "proxy" });
  assert.deepEqual(json.result.capabilities.tools, { listChanged: true });
  assert.deepEqual(await agent.menu(), []);
  await relay.start();
  await until("the menu", async () => (await agent.menu()).length > 0);
  assert.equal((await agent.call("relay_find")).json.result.content[0].text, "done");
});

test("the menu is narrowed to the context, and never widened", async (test) => {
  const { agent, proxy, relay } = await stage(test);
  await agent.connect();
  assert.deepEqual(await agent.menu(), FOR_ALL);
  assert.deepEqual(proxy.narrowedToolNames(), FOR_ALL);
  proxy.setContext({ isolatedWorktree: true });
  assert.deepEqual(await agent.menu(), relay.tools);
  assert.deepEqual(proxy.narrowedToolNames(), relay.tools);
  relay.tools = ["relay_workspace_status"];
  assert.deepEqual(await agent.menu(), ["relay_workspace_status"]);
  proxy.setContext({ isolatedWorktree: false });
  assert.deepEqual(await agent.menu(), []);
});

test("the context at the start is the runner's", async (test) => {
  const { agent, relay } = await stage(test, { initialContext: { isolatedWorktree: true } });
  await agent.connect();
  assert.deepEqual(await agent.menu(), relay.tools);
});

test("an agent is told of a menu that changed with the context, and of no other", async (test) => {
  const { agent, proxy } = await stage(test);
  await agent.connect();
  await agent.menu();
  const stream = await agent.listen();
  await until("the first words", () => stream.text.startsWith(": connected"));
  assert.equal(stream.response.headers.get("content-type"), "text/event-stream");
  assert.equal(proxy.sseClientCount(), 1);
  proxy.setContext({ isolatedWorktree: false });
  proxy.setContext({ isolatedWorktree: true });
  await until("the news", () => stream.times(LIST_CHANGED) === 1);
  await agent.menu();
  proxy.setContext({ isolatedWorktree: true });
  proxy.setContext({ isolatedWorktree: false });
  await until("the second news", () => stream.times(LIST_CHANGED) === 2);
  stream.close();
  await until("the leave", () => proxy.sseClientCount() === 0);
});

test("refreshTools fetches the menu with the token of the moment; a failure keeps the last one", async (test) => {
  let token = "first";
  const { agent, proxy, relay } = await stage(test, { getToken: () => token });
  await agent.connect();
  await agent.menu();
  const stream = await agent.listen();
  await until("the stream", () => proxy.sseClientCount() === 1);
  token = "second";
  relay.tools = [...relay.tools, "relay_spawn"];
  await proxy.refreshTools();
  assert.deepEqual(relay.arrived.at(-1), { method: "tools/list", token: "second" });
  assert.deepEqual(proxy.narrowedToolNames(), [...FOR_ALL, "relay_spawn"]);
  await until("the news", () => stream.times(LIST_CHANGED) === 1);
  relay.status = 500;
  await proxy.refreshTools();
  assert.deepEqual(proxy.narrowedToolNames(), [...FOR_ALL, "relay_spawn"]);
  assert.equal(stream.times(LIST_CHANGED), 1);
});

test("the last menu is shown, narrowed, while the relay is away", async (test) => {
  const { agent, proxy, relay } = await stage(test);
  await agent.connect();
  await agent.menu();
  await relay.stop();
  assert.deepEqual(await agent.menu(), FOR_ALL);
  proxy.setContext({ isolatedWorktree: true });
  assert.deepEqual(await agent.menu(), relay.tools);
});

test("a call goes to the relay with the token of the moment, and its answer comes back as it is", async (test) => {
  let token = "first";
  const { agent, relay } = await stage(test, { getToken: () => token });
  await agent.connect();
  assert.equal((await agent.call("relay_find")).json.result.content[0].text, "done");
  assert.deepEqual(relay.arrived.at(-1), { method: "tools/call", token: "first" });
  token = "second";
  assert.deepEqual((await agent.call("relay_refused")).json.error, { code: -32050, message: "no" });
  assert.deepEqual(relay.arrived.at(-1), { method: "tools/call", token: "second" });
});

test("a write while the relay is away is queued, and any other call is an error", async (test) => {
  const enqueueBuffered = () => assert.fail("the proxy keeps it itself");
  const { agent, relay } = await stage(test, { enqueueBuffered });
  await agent.connect();
  await relay.stop();
  const { json } = await agent.call("relay_send_message", { text: "hello" });
  const { queued, tool, idempotencyKey, note } = json.result.structuredContent;
  assert.deepEqual([queued, tool], [true, "relay_send_message"]);
  assert.match(idempotencyKey, /^mcp-relay_send_message-[0-9a-f-]{36}$/);
  assert.match(note, /It is not lost/);
  assert.deepEqual(JSON.parse(json.result.content[0].text), json.result.structuredContent);
  const refused = await agent.call("relay_find");
  assert.equal(refused.json.error.code, -32002);
  assert.match(refused.json.error.message, /^relay unreachable: /);
  await relay.start();
  await until("the delivery", () => relay.applied.length === 1);
  assert.deepEqual(relay.applied[0]?.arguments, { text: "hello", idempotencyKey });
});

test("the tools that may be queued are the runner's to say", async (test) => {
  const { agent, relay } = await stage(test, { bufferableTools: new Set(["relay_find"]) });
  await agent.connect();
  await relay.stop();
  assert.equal((await agent.call("relay_find")).json.result.structuredContent.queued, true);
  assert.equal((await agent.call("relay_reply")).json.error.code, -32002);
  assert.deepEqual([...DEFAULT_BUFFERABLE_TOOLS].sort(), ["relay_reply", "relay_send_message", "relay_workspace_ready"]);
});

test("a notification is taken while the relay is away, and a ping is answered", async (test) => {
  const { agent, relay } = await stage(test);
  await agent.connect();
  await relay.stop();
  assert.equal((await agent.post({ jsonrpc: "2.0", method: "notifications/roots/list_changed" })).status, 202);
  assert.deepEqual((await agent.ask("ping")).json.result, {});
});

test("the runner's own fetch may be the way to the relay", async (test) => {
  const asked: { url: string; authorization: string | null; body: unknown }[] = [];
  const { agent } = await stage(test, {
    relayMcpEndpoint: "http://relay.example/api/mcp",
    fetchImpl: async (input, init) => {
      const body = JSON.parse(String(init?.body));
      asked.push({ url: String(input), authorization: new Headers(init?.headers).get("authorization"), body });
      return Response.json({ jsonrpc: "2.0", id: body.id, result: { tools: [{ name: "relay_reply" }] } });
    },
  });
  assert.deepEqual(await agent.menu(), ["relay_reply"]);
  assert.equal(asked[0]?.url, "http://relay.example/api/mcp");
  assert.equal(asked[0]?.authorization, `Bearer ${TOKEN}`);
});

test("what is in the way of a start is said, and a proxy that stopped may start again", async (test) => {
  const { proxy, dataDir, agent } = await stage(test);
  const options = { relayMcpEndpoint: "http://localhost/", getToken: () => undefined, authSecret: "secret" };
  assert.throws(() => new RelayMcpProxy({ ...options, dataDir }).start(), /is held by another proxy/);
  const port = Number(new URL(agent.url).port);
  const other = new RelayMcpProxy({ ...options, dataDir: directory(test), port });
  assert.throws(() => other.start(), /is the port in use/);
  assert.throws(() => new RelayMcpProxy({ ...options, dataDir, authSecret: "a b" }), /authSecret/);
  assert.throws(() => proxy.start(), /started already/);
  await proxy.stop();
  const again = new Agent(proxy.start().url, agent.secret);
  assert.equal((await again.connect()).status, 200);
});
