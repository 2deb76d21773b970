/**
 * How the store is written down: a text file of lines, the first of which names the format. Each other line is a batch
 * of changes, whole or not there: a checksum, a space, a JSON array of `[kind, id, value]` for what is put and
 * `[kind, id]` for what is removed.
 */

import { createHash } from "node:crypto";

import type { Change, RecordKey, Stored } from "../generated/interfaces/relay-mcp-proxy-machine.js";

/** The version of the records is that of `wit/`. */
export const HEAD = "relay-mcp-proxy store 1\n";

type Kind = RecordKey["kind"];
type Written = [kind: Kind, id: string] | [kind: Kind, id: string, value: string];

/** Records by name. */
export type Records = Map<string, Stored>;

/** What a file holds, and how much of it is whole: behind that is what a crash has torn. */
export interface Found {
  records: Records;
  whole: number;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The line of a batch. */
export function lineOf(changes: readonly Change[]): Buffer {
  const written = changes.map((change): Written => {
    if (change.tag === "remove") return [change.val.kind, change.val.id];
    const { key, value } = change.val;
    return [key.kind, key.id, decoder.decode(value)];
  });
  const text = JSON.stringify(written);
  return Buffer.from(`${sumOf(text)} ${text}\n`);
}

/** Reads a file; what is wrong with it where it is not what was written. A line without an end was never synced. */
export function read(file: Buffer): Found | string {
  if (!file.subarray(0, HEAD.length).equals(Buffer.from(HEAD))) {
    const first = file.subarray(0, 100).toString("latin1").split("\n")[0] ?? "";
    if (first.startsWith("relay-mcp-proxy store ")) return "another version of the proxy wrote it";
    return "it does not begin as a store does";
  }
  const records: Records = new Map();
  let at = HEAD.length;
  for (;;) {
    const end = file.indexOf(0x0a, at);
    if (end < 0) return { records, whole: at };
    const changes = changesOf(file.toString("utf8", at, end));
    if (changes === undefined) return `what begins at byte ${at} is not what was written`;
    for (const change of changes) apply(records, change);
    at = end + 1;
  }
}

/** The changes of a line; none where its checksum is another one. */
function changesOf(line: string): Change[] | undefined {
  const [sum, text] = [line.slice(0, SUM), line.slice(SUM + 1)];
  if (line[SUM] !== " " || sum !== sumOf(text)) return undefined;
  return (JSON.parse(text) as Written[]).map(([kind, id, value]): Change => {
    const key = { kind, id };
    return value === undefined ? { tag: "remove", val: key } : { tag: "put", val: { key, value: Buffer.from(value) } };
  });
}

export function apply(records: Records, change: Change): void {
  const { kind, id } = change.tag === "put" ? change.val.key : change.val;
  if (change.tag === "put") records.set(`${kind} ${id}`, change.val);
  else records.delete(`${kind} ${id}`);
}

/** The length of a checksum. */
const SUM = 16;

function sumOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, SUM);
}
