/**
 * Feeds the machine and does what it says: one step at a time, the actions of a step in their order before the next
 * begins. It decides nothing. `wit/README.md` has the rules that it keeps.
 */

import type {
  Action,
  AgentRequest,
  Answer,
  AnswerBegun,
  CommandRequest,
  Head,
  Input,
  Observation,
  RelayRequest,
  ReplyAnswer,
  Splice,
} from "../generated/interfaces/relay-mcp-proxy-machine.js";
import type { AgentAnswer } from "./agent-answer.js";
import { Alarm } from "./alarm.js";
import type { Clock } from "./clock.js";
import type { Machine } from "./component.js";
import { type Headers, edited, ofAnswer, ofRequest, towardAgent, towardRelay, withHeader, without } from "./headers.js";
import { type RelayAnswer, type RelayClient, Unanswered, reasonOf } from "./relay-client.js";
import { failed } from "./rules.js";
import type { Store } from "./store.js";
import type { LiveToken } from "./token.js";

/** What happened that a runner may want to know: the machine's observations, and the host's. */
export type Event =
  | Observation
  /** The machine failed: it is opened again from the store, and what was in flight gets an error. */
  | { tag: "machine-failed"; val: string }
  /** An agent read its stream too slowly. */
  | { tag: "agent-cut-off" };

/** What the driver works with. */
export interface Parts {
  relay: RelayClient;
  store: Store;
  clock: Clock;
  token: LiveToken;
  /** Opens a machine with what the store holds now. */
  open: () => Machine;
  observe: (event: Event) => void;
}

/** A request of the agent, kept until its last action because calls may refer to it. */
interface Exchange {
  method: AgentRequest["method"];
  headers: Headers;
  body: Uint8Array;
  answer: AgentAnswer;
  hasBegun: boolean;
  /** Whether a step has taken it, so that a call may have gone out for it. */
  isTaken: boolean;
}

/** A request to the relay, and its answer once that has begun. */
interface Call {
  stop: () => void;
  relay?: RelayAnswer;
}

/** The waits before a machine is opened again that failed soon after it was opened, in milliseconds. */
const REOPEN = { first: 1, most: 100 };

/** A machine that lived this long did not fail soon, in milliseconds. */
const LONG_ENOUGH = 1_000n;

export class Driver {
  readonly #parts: Parts;
  readonly #alarm: Alarm;
  #machine: Machine | undefined;
  #openedAt = 0n;
  #failures = 0;
  #isOver = false;
  #inbox: Input[] = [];
  #isStepping = false;
  readonly #exchanges = new Map<bigint, Exchange>();
  readonly #calls = new Map<bigint, Call>();
  readonly #questions = new Map<bigint, (answer: ReplyAnswer) => void>();
  #lastId = 0n;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, () => this.#feed({ tag: "tick" }));
    parts.store.onAcknowledged((input) => this.#feed(input));
    this.#machine = parts.open();
    this.#openedAt = parts.clock.now();
    this.#feed({ tag: "tick" });
  }

  /** Has a request answered that was let in. */
  exchange(request: { method: AgentRequest["method"]; query?: string; headers: Headers; body: Uint8Array }, answer: AgentAnswer): void {
    const { headers, body, method } = request;
    const exchange = ++this.#lastId;
    this.#exchanges.set(exchange, { method, headers, body, answer, hasBegun: false, isTaken: false });
    answer.onClose(() => {
      if (this.#exchanges.has(exchange)) this.#feed({ tag: "agent-gone", val: exchange });
    });
    this.#feed({ tag: "request", val: { ...request, exchange, headers: ofRequest(headers) } });
  }

  /** Asks the machine, on the runner's behalf. The answer comes when it is done, often before this returns. */
  ask(request: CommandRequest, answered: (answer: ReplyAnswer) => void): void {
    const command = ++this.#lastId;
    this.#questions.set(command, answered);
    this.#feed({ tag: "command", val: { command, request } });
  }

  /** Ends all of it. The store is the caller's to close. */
  end(): void {
    this.#isOver = true;
    this.#machine = undefined;
    this.#alarm.set(undefined);
    this.#breakOff((exchange) => exchange.answer.breakOff());
  }

  // ------------------------------------------------------------------------------------------- stepping

  /** May be called from anywhere, even from what a step sets off: the input then waits for that step to end. */
  #feed(input: Input): void {
    // Tickets of a machine that failed are none of the next one's.
    if (this.#machine === undefined && (input.tag === "durable" || input.tag === "store-failed")) return;
    this.#inbox.push(input);
    if (this.#isStepping || this.#machine === undefined) return;
    this.#isStepping = true;
    try {
      while (this.#machine !== undefined && this.#inbox.length > 0) this.#step(this.#machine, this.#inbox.splice(0));
    } finally {
      this.#isStepping = false;
    }
  }

  #step(machine: Machine, inputs: Input[]): void {
    const now = this.#parts.clock.now();
    let outcome;
    try {
      outcome = machine.step(now, inputs);
    } catch (error) {
      return this.#giveUp(error);
    }
    for (const input of inputs) {
      if (input.tag !== "request") continue;
      const exchange = this.#exchanges.get(input.val.exchange);
      if (exchange !== undefined) exchange.isTaken = true;
    }
    for (const action of outcome.actions) this.#perform(action);
    this.#alarm.set(outcome.wakeup?.at);
  }

  /**
   * The machine failed, and what it knew went with it, but for what is in the store: all in flight gets an error,
   * and another machine goes on from there.
   */
  #giveUp(error: unknown): void {
    const fault = error instanceof Error ? error.message : String(error);
    this.#machine = undefined;
    this.#alarm.set(undefined);
    this.#observe({ tag: "machine-failed", val: fault });
    this.#inbox = [];
    this.#breakOff((exchange) => {
      if (exchange.hasBegun) return exchange.answer.breakOff();
      const { status, headers, body } = failed(exchange.method, exchange.body, exchange.isTaken ? "unknown" : "no");
      exchange.answer.whole(status, headers, body);
    });
    const livedLong = this.#parts.clock.now() - this.#openedAt >= LONG_ENOUGH;
    this.#failures = livedLong ? 0 : this.#failures + 1;
    setTimeout(() => void this.#reopen(), livedLong ? 0 : Math.min(REOPEN.first * 2 ** this.#failures, REOPEN.most));
  }

  async #reopen(): Promise<void> {
    await this.#parts.store.idle();
    if (this.#isOver) return;
    this.#openedAt = this.#parts.clock.now();
    try {
      this.#machine = this.#parts.open();
    } catch (error) {
      return this.#giveUp(error);
    }
    this.#feed({ tag: "tick" });
  }

  #breakOff(each: (exchange: Exchange) => void): void {
    for (const call of this.#calls.values()) call.stop();
    this.#calls.clear();
    const exchanges = [...this.#exchanges.values()];
    this.#exchanges.clear();
    exchanges.forEach(each);
    const refused: ReplyAnswer = { tag: "refused", val: "the machine failed or was stopped: ask again" };
    for (const answered of this.#questions.values()) answered(refused);
    this.#questions.clear();
  }

  // ------------------------------------------------------------------------------------------- performing

  #perform(action: Action): void {
    switch (action.tag) {
      case "call":
        return this.#call(action.val);
      case "splice":
        return this.#splice(action.val);
      case "read":
        return void this.#read(action.val);
      case "cancel":
        this.#calls.get(action.val)?.stop();
        this.#calls.delete(action.val);
        return;
      case "answer":
        return this.#answer(action.val);
      case "answer-head":
        return this.#beginAnswer(action.val);
      case "answer-chunk":
        if (this.#exchanges.get(action.val.exchange)?.answer.piece(action.val.bytes) === false) {
          this.#observe({ tag: "agent-cut-off" });
          this.#feed({ tag: "agent-gone", val: action.val.exchange });
        }
        return;
      case "answer-end":
        return this.#lastOf(action.val)?.answer.end();
      case "abort":
        return this.#lastOf(action.val)?.answer.breakOff();
      case "persist":
        return this.#parts.store.persist(action.val.ticket, action.val.changes);
      case "reply": {
        const answered = this.#questions.get(action.val.command);
        this.#questions.delete(action.val.command);
        return answered?.(action.val.answer);
      }
      case "observe":
        return this.#observe(action.val);
    }
  }

  /** The exchange whose last action this is. */
  #lastOf(id: bigint): Exchange | undefined {
    const exchange = this.#exchanges.get(id);
    this.#exchanges.delete(id);
    return exchange;
  }

  #answer({ exchange, head, body }: Answer): void {
    const { status, headers } = this.#headOf(head);
    this.#lastOf(exchange)?.answer.whole(status, headers, body);
  }

  #beginAnswer({ exchange: id, head }: AnswerBegun): void {
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined) return;
    const { status, headers } = this.#headOf(head);
    exchange.hasBegun = true;
    exchange.answer.begin(status, headers, head.tag === "own");
  }

  #headOf(head: Head): { status: number; headers: Headers } {
    if (head.tag === "own") return head.val;
    const answer = this.#calls.get(head.val.call)?.relay;
    const headers = without(towardAgent(answer?.headers ?? []), "content-length");
    return { status: answer?.status ?? 502, headers: edited(headers, head.val.edits) };
  }

  #splice({ call: id, exchange, edits }: Splice): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    const answer = this.#lastOf(exchange)?.answer;
    if (call?.relay === undefined || answer === undefined) return call?.stop();
    const { status, headers, body } = call.relay;
    answer.splice(status, edited(towardAgent(headers), edits), body, () => call.stop());
  }

  // ------------------------------------------------------------------------------------------- calls

  #call(request: RelayRequest): void {
    const assembled = this.#assembled(request);
    if (assembled === undefined) return;
    const signature = this.#parts.token.header();
    const headers = signature === undefined ? assembled.headers : withHeader(assembled.headers, signature);
    const { answer, stop } = this.#parts.relay.send({ ...assembled, headers });
    const call: Call = { stop };
    this.#calls.set(request.call, call);
    const isKnown = () => this.#calls.get(request.call) === call;
    answer
      .then((relay) => {
        if (!isKnown()) return relay.body.destroy();
        call.relay = relay;
        const isRefusal = relay.status === 401 || relay.status === 403;
        const tokenChanged = isRefusal && this.#parts.token.differsFrom(signature);
        const head = { call: request.call, status: relay.status, headers: ofAnswer(relay.headers), tokenChanged };
        return this.#feed({ tag: "relay-head", val: head });
      })
      .catch((error: unknown) => {
        if (!isKnown()) return;
        this.#calls.delete(request.call);
        this.#failCall(request.call, error);
      });
  }

  /** The request as it goes out, but for the token; none where it refers to an exchange that is over. */
  #assembled({ method, headers: from, edits, query, body }: RelayRequest) {
    const headersOf = from.tag === "own" ? from.val : this.#exchanges.get(from.val)?.headers;
    const bodyOf =
      body.tag === "empty" ? new Uint8Array() : body.tag === "bytes" ? body.val : this.#exchanges.get(body.val)?.body;
    if (headersOf === undefined || bodyOf === undefined) return undefined;
    const crossing = from.tag === "own" ? headersOf : towardRelay(headersOf);
    // Once more, since no edit of the machine may name another host or token.
    const headers = withHeader(towardRelay(edited(crossing, edits)), { name: "accept-encoding", value: "identity" });
    return { method: METHODS[method], query, headers, body: bodyOf };
  }

  async #read(id: bigint): Promise<void> {
    const call = this.#calls.get(id);
    if (call?.relay === undefined) return;
    const isKnown = () => this.#calls.get(id) === call;
    try {
      for await (const bytes of call.relay.body) {
        if (!isKnown()) return;
        this.#feed({ tag: "relay-chunk", val: { call: id, bytes } });
      }
      if (isKnown()) this.#feed({ tag: "relay-end", val: id });
    } catch (error) {
      if (isKnown()) this.#failCall(id, new Unanswered("unknown", reasonOf(error)));
    }
  }

  #failCall(call: bigint, error: unknown): void {
    const { sent, message } = error instanceof Unanswered ? error : new Unanswered("unknown", reasonOf(error));
    this.#feed({ tag: "relay-failed", val: { call, sent, reason: message } });
  }

  /** Tells the runner, outside of the step: it may ask the machine in turn. */
  #observe(event: Event): void {
    if (event.tag === "outbox-paused") this.#parts.token.watch(true);
    if (event.tag === "outbox-resumed") this.#parts.token.watch(false);
    queueMicrotask(() => this.#parts.observe(event));
  }
}

const METHODS = { get: "GET", post: "POST", delete: "DELETE" } as const;
