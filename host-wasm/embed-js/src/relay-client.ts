/** The way to the relay: HTTP/1.1, with connections that are kept for the next call. */

import http from "node:http";
import https from "node:https";
import type { Readable } from "node:stream";
import type { Socket } from "node:net";

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

export interface RelayClient {
  /** Sends a request to the one endpoint; throws [Unanswered] where no answer begins. */
  send(request: RelayRequest, signal: AbortSignal): Promise<RelayAnswer>;
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

  send(request: RelayRequest, signal: AbortSignal): Promise<RelayAnswer> {
    return new Promise((resolve, reject) => {
      const headers = toNode(request.headers);
      if (request.method === "POST") headers["content-length"] = String(request.body.length);
      const options = { method: request.method, headers, agent: this.#agent, signal };
      const sending = this.#http.request(withQuery(this.#endpoint, request.query), options);
      const connection = watchConnection(sending, this.#endpoint.protocol === "https:");
      sending.on("response", (response) => {
        // Whoever reads the body hears of it; where nobody does yet, it must not end the process.
        response.on("error", () => {});
        resolve({ status: response.statusCode ?? 502, headers: ofRaw(response.rawHeaders), body: response });
      });
      sending.on("error", (error: NodeJS.ErrnoException) => {
        const isBefore = !connection.isOpen || BEFORE_SENDING.has(error.code ?? "");
        reject(new Unanswered(isBefore ? "no" : "unknown", reasonOf(error)));
      });
      sending.end(request.body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Notices when bytes of a request can leave, and gives up where that takes too long. */
function watchConnection(sending: http.ClientRequest, isTls: boolean): { isOpen: boolean } {
  const connection = { isOpen: false };
  sending.on("socket", (socket: Socket) => {
    if (!socket.connecting) {
      connection.isOpen = true;
      return;
    }
    const late = setTimeout(() => sending.destroy(new Error("the connection did not open in time")), CONNECT_WITHIN);
    const settled = () => clearTimeout(late);
    socket.once(isTls ? "secureConnect" : "connect", () => {
      connection.isOpen = true;
      settled();
    });
    socket.once("close", settled);
  });
  return connection;
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
