/** The agent's side of HTTP: the door, its limits, and answers as they come. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";

import { AgentAnswer } from "../src/agent-answer.js";
import { SECRET, stage } from "./stage.js";
import { until } from "./wait.js";

/** The status of a POST with these headers: `fetch` would not send them. */
function knock(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const authorization = `Bearer ${SECRET}`;
    const sending = request(url, { method: "POST", headers: { authorization, ...headers } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sending.on("error", reject);
    sending.end('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  });
}

test("only pages of this machine, and configured ones, may call", async (test) => {
  const { agent } = await stage(test, { allowedHosts: ["proxy.example"], allowedOrigins: ["https://app.example"] });
  for (const host of ["localhost", "127.0.0.1:80", "proxy.example"]) assert.equal(await knock(agent.url, { host }), 200);
  for (const host of ["evil.example", "127.0.0.1.evil.example"]) assert.equal(await knock(agent.url, { host }), 403);
  for (const origin of ["http://localhost:3000", "https://app.example"]) {
    assert.equal(await knock(agent.url, { origin }), 200);
  }
  for (const origin of ["null", "http://evil.example"]) assert.equal(await knock(agent.url, { origin }), 403);
  for (const authorization of ["", "Bearer", `Basic ${SECRET}`, `Bearer ${SECRET}x`]) {
    assert.equal(await knock(agent.url, { authorization }), 401);
  }
  assert.equal(await knock(agent.url, { authorization: `bEARER ${SECRET}` }), 200);
});

test("a body that is too large, compressed, slow, or no message is refused", async (test) => {
  const { agent } = await stage(test, { limits: { maxBodyBytes: 100, bodyTimeout: 50 } });
  assert.equal((await agent.send("POST", " ".repeat(101))).status, 413);
  assert.equal(await knock(agent.url, { "content-encoding": "gzip" }), 415);
  const malformed = await agent.send("POST", "{");
  assert.equal(malformed.status, 400);
  assert.equal(malformed.json.error.code, -32700);
  assert.equal((await agent.send("POST", "[]")).json.error.code, -32600);

  const slow = connect(Number(new URL(agent.url).port), "127.0.0.1");
  let answer = "";
  slow.on("data", (piece) => (answer += piece.toString()));
  slow.write(`POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${SECRET}\r\ncontent-length: 9\r\n\r\n{`);
  await until("the refusal", () => answer.startsWith("HTTP/1.1 408"));
  slow.destroy();
});

test("more requests at once than may be are refused, and streams are not counted", async (test) => {
  const { agent, relay } = await stage(test, { limits: { maxRequests: 1 } });
  await agent.connect();
  const stream = await agent.listen();
  await until("the stream", () => stream.text !== "");
  const leave = new AbortController();
  const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "relay_watch" } };
  const watching = await agent.open("POST", JSON.stringify(call), {}, leave.signal);
  assert.equal(watching.status, 200);
  const refused = await agent.ask("ping");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  relay.watchers[0]?.end();
  await watching.text();
  await until("room", async () => (await agent.ask("ping")).status === 200);
});

test("an answer that streams comes as it comes, and ends at the relay when the agent leaves", async (test) => {
  const { agent, relay } = await stage(test);
  await agent.connect();
  const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "relay_watch" } };
  const leave = new AbortController();
  const answer = await agent.open("POST", JSON.stringify(call), {}, leave.signal);
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  const reader = answer.body?.getReader();
  const first = await reader?.read();
  assert.match(new TextDecoder().decode(first?.value), /notifications\/progress/);
  relay.watchers[0]?.write("data: 2\n\n");
  const second = await reader?.read();
  assert.equal(new TextDecoder().decode(second?.value), "data: 2\n\n");
  let isClosed = false;
  relay.watchers[0]?.on("close", () => (isClosed = true));
  leave.abort();
  await until("the end at the relay", () => isClosed);
});

test("an answer that the relay breaks off is broken off here, not ended", async (test) => {
  const { agent, relay } = await stage(test);
  await agent.connect();
  const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "relay_watch" } };
  const answer = await agent.open("POST", JSON.stringify(call));
  await until("the watcher", () => relay.watchers.length === 1);
  relay.watchers[0]?.destroy();
  await assert.rejects(answer.text());
});

test("a call that is under way when the proxy stops is finished", async (test) => {
  const { agent, relay, proxy } = await stage(test);
  await agent.connect();
  const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "relay_watch" } };
  const answer = await agent.open("POST", JSON.stringify(call));
  const stopped = proxy.stop();
  relay.watchers[0]?.end("data: the last\n\n");
  assert.match(await answer.text(), /the last/);
  await stopped;
});

test("a reader that lets too much pile up loses its connection", async (test) => {
  let answer: AgentAnswer | undefined;
  const server = createServer((_, response) => (answer = new AgentAnswer(response, () => {}))).listen(0, "127.0.0.1");
  test.after(() => server.close());
  await once(server, "listening");
  const reader = connect((server.address() as AddressInfo).port, "127.0.0.1").pause();
  reader.on("error", () => {});
  reader.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const stream = await until("the request", () => answer);
  stream.begin(200, [], true);
  const piece = new Uint8Array(64 << 10);
  let written = 0;
  await until("the cut", () => {
    written += piece.length;
    return !stream.piece(piece);
  });
  assert.ok(written < 64 << 20, `${written} bytes`);
  reader.resume();
  await once(reader, "close");
});
