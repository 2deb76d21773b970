/** Headers between HTTP and the machine. */

import type { AnswerHeader, Header, HeaderEdit, RequestHeader } from "../generated/interfaces/relay-mcp-proxy-machine.js";
import { crossing } from "./rules.js";

/** Names in lower case, in the order in which they came. */
export type Headers = readonly Header[];

/** What `rawHeaders` of Node.js hold. */
export function ofRaw(raw: readonly string[]): Headers {
  const headers: Header[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    headers.push({ name: (raw[at] ?? "").toLowerCase(), value: raw[at + 1] ?? "" });
  }
  return headers;
}

/** For Node.js: those that come several times as a list. */
export function toNode(headers: Headers): Record<string, string | string[]> {
  const grouped = new Map<string, string[]>();
  for (const { name, value } of headers) {
    const values = grouped.get(name);
    if (values === undefined) grouped.set(name, [value]);
    else values.push(value);
  }
  return Object.fromEntries([...grouped].map(([name, values]) => [name, values.length > 1 ? values : (values[0] ?? "")]));
}

/** The value of a header; several of them joined, which no check lets pass. */
export function joined(headers: Headers, name: string): string | undefined {
  const values = headers.filter((header) => header.name === name).map((header) => header.value);
  return values.length > 0 ? values.join(", ") : undefined;
}

/** Those of a request that are named by their case. */
const OF_REQUEST = [
  "mcp-session-id",
  "mcp-protocol-version",
  "mcp-method",
  "mcp-name",
] as const satisfies readonly Exclude<RequestHeader["tag"], "other">[];

/** Those of an answer, all named by their case. */
const OF_ANSWER = ["content-type", "mcp-session-id", "retry-after"] as const satisfies readonly AnswerHeader["tag"][];

/** The headers of a request of the agent that the machine is handed. */
export function ofRequest(headers: Headers): RequestHeader[] {
  return headers.filter(({ name, value }) => crossing(name).requestToMachine && isText(value)).map(inRequest);
}

/** The headers of an answer of the relay that the machine is handed. */
export function ofAnswer(headers: Headers): AnswerHeader[] {
  return headers.filter(({ name, value }) => crossing(name).answerToMachine && isText(value)).flatMap(inAnswer);
}

function isText(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}

function inRequest({ name, value }: Header): RequestHeader {
  const tag = OF_REQUEST.find((known) => known === name);
  return tag === undefined ? { tag: "other", val: { name, value } } : { tag, val: value };
}

function inAnswer({ name, value }: Header): AnswerHeader[] {
  const tag = OF_ANSWER.find((known) => known === name);
  return tag === undefined ? [] : [{ tag, val: tag === "retry-after" ? inSeconds(value) : value }];
}

/** A date to wait for, as the seconds until then, since the machine knows no calendar. */
function inSeconds(value: string): string {
  if (/^\d+$/.test(value)) return value;
  const date = Date.parse(value);
  return Number.isNaN(date) ? value : String(Math.max(0, Math.floor((date - Date.now()) / 1000)));
}

/** Those of the agent's request that go on to the relay (B-2.1). */
export function towardRelay(headers: Headers): Headers {
  const named = namedByConnection(headers);
  return headers.filter(({ name }) => crossing(name).toRelay && !named.has(name));
}

/** Those of the relay's answer that go on to the agent (B-2.3). */
export function towardAgent(headers: Headers): Headers {
  const named = namedByConnection(headers);
  return headers.filter(({ name }) => crossing(name).toAgent && !named.has(name));
}

/** Hop-by-hop, whatever they are (RFC 9110, 7.6.1). */
function namedByConnection(headers: Headers): Set<string> {
  const named = joined(headers, "connection") ?? "";
  return new Set(named.split(",").map((name) => name.trim().toLowerCase()));
}

/** The machine's changes, made in order. */
export function edited(headers: Headers, edits: readonly HeaderEdit[]): Headers {
  let result = headers;
  for (const edit of edits) {
    if (edit.tag === "set") result = withHeader(result, edit.val);
    else result = without(result, edit.val);
  }
  return result;
}

/** With this header in the place of all of its name. */
export function withHeader(headers: Headers, header: Header): Headers {
  return [...without(headers, header.name), header];
}

export function without(headers: Headers, name: string): Headers {
  return headers.filter((header) => header.name !== name);
}
