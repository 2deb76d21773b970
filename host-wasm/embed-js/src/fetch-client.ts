/** A relay that is reached through a `fetch` of the runner's: the seam that the seed has for its tests. */

import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";

import {
  type RelayAnswer,
  type RelayClient,
  type RelayRequest,
  type Sending,
  Unanswered,
  reasonOf,
  withQuery,
} from "./relay-client.js";

export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export class FetchRelayClient implements RelayClient {
  constructor(
    private readonly endpoint: URL,
    private readonly fetchImpl: FetchLike,
  ) {}

  send(request: RelayRequest): Sending {
    const leave = new AbortController();
    return { answer: this.#answer(request, leave.signal), stop: () => leave.abort() };
  }

  close(): void {}

  async #answer(request: RelayRequest, signal: AbortSignal): Promise<RelayAnswer> {
    const headers = request.headers.map(({ name, value }): [string, string] => [name, value]);
    const init: RequestInit = { method: request.method, headers, signal, redirect: "manual" };
    if (request.method === "POST") init.body = Buffer.from(request.body).toString();
    const response = await this.#fetched(withQuery(this.endpoint, request.query), init);
    return {
      status: response.status,
      headers: [...response.headers].map(([name, value]) => ({ name, value })),
      body: response.body === null ? Readable.from([]) : Readable.fromWeb(response.body as ReadableStream<Uint8Array>),
    };
  }

  /** What a `fetch` throws does not say whether anything was sent. */
  async #fetched(target: URL, init: RequestInit): Promise<Response> {
    try {
      return await this.fetchImpl(target.href, init);
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      const { code } = cause as NodeJS.ErrnoException;
      throw new Unanswered(code === "ECONNREFUSED" ? "no" : "unknown", reasonOf(cause));
    }
  }
}
