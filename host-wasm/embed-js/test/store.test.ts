/** The store: what it acknowledged it gives back, and what it cannot read it does not overwrite. */

import assert from "node:assert/strict";
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { RelayMcpProxy, StoreDamaged } from "../src/index.js";
import { DataDir, DataDirHeld } from "../src/data-dir.js";
import { HEAD, lineOf, read } from "../src/log-file.js";
import { Store } from "../src/store.js";
import { directory } from "./stage.js";

const put = (id: string, text = id) =>
  ({ tag: "put", val: { key: { kind: "write", id }, value: Buffer.from(JSON.stringify(text)) } }) as const;
const removed = (id: string) => ({ tag: "remove", val: { kind: "write", id } }) as const;

function open(path: string): Store {
  const held = new DataDir(path);
  try {
    return new Store(held);
  } finally {
    held.letGo();
  }
}

const idsIn = (store: Store) => store.records().map((record) => record.key.id);

test("what is acknowledged is there after the next start, in the order of the tickets", async (test) => {
  const path = directory(test);
  const store = open(path);
  const acknowledged: unknown[] = [];
  store.onAcknowledged((input) => acknowledged.push(input));
  store.persist(1n, [put("a"), put("b")]);
  store.persist(2n, [removed("a"), put("c")]);
  await store.idle();
  store.persist(3n, [put("b", "ü\n")]);
  await store.close();
  assert.deepEqual(acknowledged, [
    { tag: "durable", val: 2n },
    { tag: "durable", val: 3n },
  ]);
  const again = open(path);
  assert.deepEqual(idsIn(again), ["b", "c"]);
  assert.equal(Buffer.from(again.records()[0]?.value ?? []).toString(), '"ü\\n"');
  assert.equal(statSync(again.path).mode & 0o777, 0o600);
  await again.close();
});

test("a batch is whole or not there, wherever a crash cut it off", async () => {
  const lines = [lineOf([put("a"), put("b")]), lineOf([removed("a"), put("c")])];
  const file = Buffer.concat([Buffer.from(HEAD), ...lines]);
  const ends = [HEAD.length, HEAD.length + (lines[0]?.length ?? 0), file.length];
  for (let length = HEAD.length; length <= file.length; length += 1) {
    const found = read(file.subarray(0, length));
    assert.ok(typeof found !== "string", `${length}`);
    const whole = ends.filter((end) => end <= length);
    assert.equal(found.whole, whole.at(-1));
    assert.deepEqual([...found.records.values()].map(({ key }) => key.id), [[], ["a", "b"], ["b", "c"]][whole.length - 1]);
  }
});

test("what a crash has torn is cut off, and what comes after it is kept", async (test) => {
  const path = directory(test);
  const store = open(path);
  store.persist(1n, [put("a")]);
  await store.close();
  appendFileSync(store.path, lineOf([put("torn")]).subarray(0, 30));
  const again = open(path);
  again.persist(1n, [put("b")]);
  await again.close();
  assert.deepEqual(idsIn(open(path)), ["a", "b"]);
});

test("a flipped bit is reported, and the file left as it is", async (test) => {
  const path = directory(test);
  const store = open(path);
  store.persist(1n, [put("a"), put("b")]);
  await store.close();
  const content = readFileSync(store.path);
  for (let at = 0; at < content.length - 1; at += 7) {
    const flipped = Buffer.from(content);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    writeFileSync(store.path, flipped);
    assert.throws(() => open(path), StoreDamaged, `byte ${at}`);
    assert.deepEqual(readFileSync(store.path), flipped);
  }
  truncateSync(store.path, 3);
  assert.throws(() => open(path), /is damaged: .*Nothing was overwritten/);
});

test("a record that the machine does not know as its own is damage too", async (test) => {
  const dataDir = directory(test);
  const store = open(dataDir);
  store.persist(1n, [put("0", "no write")]);
  await store.close();
  const options = { relayMcpEndpoint: "http://localhost/", getToken: () => undefined, authSecret: "s", dataDir };
  assert.throws(() => new RelayMcpProxy(options).start(), StoreDamaged);
  assert.throws(() => new RelayMcpProxy(options).start(), StoreDamaged, "the directory was let go");
});

test("a log that has grown long is written anew, and holds the same", async (test) => {
  const path = directory(test);
  const store = open(path);
  const long = "x".repeat(10_000);
  for (let ticket = 1; ticket <= 500; ticket += 1) {
    store.persist(BigInt(ticket), ticket % 50 === 0 ? [put(`${ticket}`)] : [put("changing", long + ticket)]);
    if (ticket % 20 === 0) await store.idle();
  }
  await store.close();
  assert.ok(statSync(store.path).size < 2_000_000, `${statSync(store.path).size}`);
  const again = open(path);
  assert.equal(idsIn(again).length, 11);
  assert.ok(again.records().some(({ value }) => Buffer.from(value).toString().endsWith('499"')));
  await again.close();
});

test("a directory has one proxy, until that one lets go or is gone", (test) => {
  const path = directory(test);
  const first = new DataDir(path);
  assert.throws(() => new DataDir(path), DataDirHeld);
  first.letGo();
  new DataDir(path).letGo();
  const lock = { host: "", boot: "", pid: 0, began: "" };
  const held = (holder: object) => writeFileSync(join(path, "lock.json"), JSON.stringify({ ...lock, ...holder }));
  new DataDir(path);
  const present = JSON.parse(readFileSync(join(path, "lock.json"), "utf8")) as typeof lock;
  held({ ...present, pid: 0x7fffffff });
  new DataDir(path).letGo();
  held({ ...present, host: "another-host" });
  assert.throws(() => new DataDir(path), /another-host/);
  writeFileSync(join(path, "lock.json"), "what is this");
  assert.throws(() => new DataDir(path), DataDirHeld);
});
