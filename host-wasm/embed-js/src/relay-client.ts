/** The way to the relay: HTTP/1.1, with connections that are kept for the next call. */

import http from "node:http";
import https from "node:https";
import type { Readable } from "node:stream";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

import type { Sent } from "../generated/interfaces/relay-mcp-proxy-machine.js";
import { type Headers, ofRaw, toNode } from "./headers.js";

export interface RelayRequest {
  method: "GET" | "POST" | "DELETE";
  /** Without `?`. */
  query: string | undefined;
  headers: Headers;
  body: Uint8Array;
}

/** How the relay began to answer. */
export interface RelayAnswer {
  status: number;
  headers: Headers;
  body: Readable;
}

/** A request that is under way. */
export interface Sending {
  /** Fails with [Unanswered] where no answer begins. */
  answer: Promise<RelayAnswer>;
  /** Closes its connection, unless all of the answer has been read. */
  stop(): void;
}

export interface RelayClient {
  /** Sends a request to the one endpoint. */
  send(request: RelayRequest): Sending;
  close(): void;
}

/** There is no answer to a request. */
export class Unanswered extends Error {
  constructor(
    readonly sent: Sent,
    reason: string,
  ) {
    super(reason);
  }
}

/** Shorter than the five seconds after which common servers close an idle connection. */
const IDLE_CONNECTION = 4_000;
/** How long a connection may take to open. */
const CONNECT_WITHIN = 3_000;
/** How often a quiet connection is asked whether it still is one. */
const KEEPALIVE = 20_000;

/** Errors that come before the first byte of a request. */
const BEFORE_SENDING = new Set(["ECONNREFUSED", "ConnectionRefused", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

export class HttpRelayClient implements RelayClient {
  readonly #endpoint: URL;
  readonly #http: typeof http | typeof https;
  readonly #agent: http.Agent;

  constructor(endpoint: URL) {
    this.#endpoint = endpoint;
    this.#http = endpoint.protocol === "https:" ? https : http;
    const options = { keepAlive: true, keepAliveMsecs: KEEPALIVE, timeout: IDLE_CONNECTION, scheduling: "lifo" } as const;
    this.#agent = new this.#http.Agent(options);
  }

  send(request: RelayRequest): Sending {
    const attempt = new Attempt(this.#options(request), request.body);
    return { answer: attempt.answer(), stop: () => attempt.stop() };
  }

  close(): void {
    this.#agent.destroy();
  }

  /** What makes the request, as often as it takes to find a connection that is still open. */
  #options({ method, query, headers, body }: RelayRequest): () => http.ClientRequest {
    const own = method === "POST" ? { "content-length": String(body.length) } : {};
    const options = { method, headers: { ...toNode(headers), ...own }, agent: this.#agent };
    const target = withQuery(this.#endpoint, query);
    return () => this.#http.request(target, options);
  }
}

/** One request, on one connection after the other until one is open. */
class Attempt {
  #sending: http.ClientRequest | undefined;
  #response: http.IncomingMessage | undefined;
  #isStopped = false;

  constructor(
    private readonly request: () => http.ClientRequest,
    private readonly body: Uint8Array,
  ) {}

  async answer(): Promise<RelayAnswer> {
    for (;;) {
      try {
        return await this.#once();
      } catch (error) {
        if (!(error instanceof ClosedMeanwhile)) throw error;
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
    if (!this.#response?.readableEnded) this.#sending?.destroy();
  }

  #once(): Promise<RelayAnswer> {
    return new Promise((resolve, reject) => {
      const sending = this.request();
      this.#sending = sending;
      const connection = new Connection(sending, () => sending.end(this.body));
      sending.on("response", (response) => {
        this.#response = response;
        // Whoever reads the body hears of it; where nobody does yet, it must not end the process.
        response.on("error", () => {});
        resolve({ status: response.statusCode ?? 502, headers: ofRaw(response.rawHeaders), body: response });
      });
      sending.on("error", (error: NodeJS.ErrnoException) => {
        if (connection.isKept && !connection.isUsed && !this.#isStopped) return reject(new ClosedMeanwhile());
        const isBefore = !connection.isUsed || BEFORE_SENDING.has(error.code ?? "");
        reject(new Unanswered(isBefore ? "no" : "unknown", reasonOf(error)));
      });
    });
  }
}

/** A connection that was kept was closed by the relay before anything was sent on it: another one will do. */
class ClosedMeanwhile extends Error {}

/** The connection of one request. */
class Connection {
  /** Whether it was there before the request. */
  isKept = false;
  /** Whether bytes of the request may have left. */
  isUsed = false;

  constructor(
    private readonly sending: http.ClientRequest,
    private readonly write: () => void,
  ) {
    sending.on("socket", (socket: Socket) => (socket.connecting ? this.#open(socket) : this.#lookAgain()));
  }

  /** Gives up where opening it takes too long. What is written before that waits for it. */
  #open(socket: Socket): void {
    const late = setTimeout(() => this.sending.destroy(new Error("the connection did not open in time")), CONNECT_WITHIN);
    const settled = () => clearTimeout(late);
    socket.once(socket instanceof TLSSocket ? "secureConnect" : "connect", () => {
      this.isUsed = true;
      settled();
    });
    socket.once("close", settled);
    this.write();
  }

  /**
   * Writes on a connection that was kept after the event loop has looked at it once more, as the relay may have closed
   * it: then nothing was sent.
   */
  #lookAgain(): void {
    this.isKept = true;
    const begin = () => {
      if (this.sending.destroyed) return;
      this.isUsed = true;
      this.write();
    };
    setImmediate(() => setImmediate(begin));
  }
}

/** The endpoint with the agent's query behind its own, if it has one. */
export function withQuery(endpoint: URL, query: string | undefined): URL {
  if (query === undefined) return endpoint;
  const target = new URL(endpoint);
  target.search = target.search === "" ? `?${query}` : `${target.search}&${query}`;
  return target;
}

/** Such as `connection refused`: never what was sent. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ECONNREFUSED":
    case "ConnectionRefused":
      return "connection refused";
    case "ECONNRESET":
      return "connection reset";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "its name was not found";
    default:
      return code ?? message.split("\n")[0] ?? "unknown";
  }
}
