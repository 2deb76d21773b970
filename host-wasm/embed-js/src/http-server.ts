/** The agent's side: HTTP/1.1 on one endpoint, behind the door (B-1). */

import { createHash, timingSafeEqual } from "node:crypto";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";

import type { Method } from "../generated/interfaces/relay-mcp-proxy-machine.js";
import { AgentAnswer } from "./agent-answer.js";
import { BodyTrouble, readBody } from "./body.js";
import type { Driver } from "./driver.js";
import { type Headers, joined, ofRaw, toNode } from "./headers.js";
import { listen } from "./listen.js";
import type { Limits } from "./options.js";
import { type Door, type Refusal, type Trouble, admit, refuse } from "./rules.js";

export class AgentServer {
  readonly #server: Server;
  readonly #secret: Buffer;
  #underWay = 0;
  /** Answers that are not over, those of event streams included. */
  #answers = 0;
  /** Called when there are none left; set once the server stops. */
  #allAnswered: (() => void) | undefined;

  constructor(
    private readonly driver: Driver,
    private readonly door: Door,
    secret: string,
    private readonly limits: Limits,
  ) {
    this.#secret = digest(secret);
    const { headTimeout, bodyTimeout, maxHeaderBytes } = limits;
    const options = {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headTimeout,
      requestTimeout: headTimeout + bodyTimeout,
      keepAliveTimeout: 60_000,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
    };
    this.#server = createServer(options, (request, response) => void this.#serve(request, response));
  }

  /** Gives the port. */
  listen(port: number): number {
    return listen(this.#server, port);
  }

  /** Takes no new requests, and waits for the answers that are under way, so long at the most (B-8.4). */
  async stop(grace: number): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, grace);
      this.#allAnswered = () => {
        clearTimeout(late);
        resolve();
      };
      if (this.#answers === 0) this.#allAnswered();
    });
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // An agent that goes away in the middle is told of by `close`.
    response.on("error", () => {});
    this.#answers += 1;
    response.on("close", () => {
      this.#answers -= 1;
      if (this.#answers === 0) this.#allAnswered?.();
    });
    const headers = ofRaw(request.rawHeaders);
    const { path, query, authority } = targetOf(request.url ?? "");
    try {
      const method = this.#knock(request.method ?? "", path, authority, headers);
      if (typeof method !== "string") return this.#refuse(request, response, method);
      if (this.#allAnswered !== undefined) return this.#trouble(request, response, { tag: "shutting-down" });
      if (method !== "get" && this.#underWay >= this.limits.maxRequests) {
        return this.#trouble(request, response, { tag: "too-many-requests" });
      }
      const answer = new AgentAnswer(response, method === "get" ? () => {} : this.#hold(response));
      const body = method === "post" ? await readBody(request, this.limits) : new Uint8Array();
      this.driver.exchange({ method, headers, body, ...(query !== undefined && { query }) }, answer);
    } catch (error) {
      if (error instanceof BodyTrouble) this.#trouble(request, response, error.trouble);
      else response.destroy();
    }
  }

  /** Counts a request as under way until it is answered; what is given back ends that sooner. */
  #hold(response: ServerResponse): () => void {
    this.#underWay += 1;
    let isHeld = true;
    const release = () => {
      if (isHeld) this.#underWay -= 1;
      isHeld = false;
    };
    response.on("close", release);
    return release;
  }

  #knock(method: string, path: string, authority: string | undefined, headers: Headers): Method | Refusal {
    const origin = joined(headers, "origin");
    const contentEncoding = joined(headers, "content-encoding");
    const contentLength = Number(joined(headers, "content-length") ?? NaN);
    // A target in absolute form names the host too, and both must be ours.
    const named = joined(headers, "host");
    const isForeign = authority !== undefined && named?.toLowerCase() !== authority.toLowerCase();
    const host = isForeign ? "" : named;
    return admit(this.door, {
      method,
      path,
      hasSecret: this.#isShown(joined(headers, "authorization") ?? ""),
      ...(host !== undefined && { host }),
      ...(origin !== undefined && { origin }),
      ...(contentEncoding !== undefined && { contentEncoding }),
      ...(Number.isSafeInteger(contentLength) && { contentLength: BigInt(contentLength) }),
    });
  }

  /** Compares digests, which takes the same time whatever is shown. */
  #isShown(authorization: string): boolean {
    const [, shown] = /^bearer (.*)$/i.exec(authorization) ?? [];
    return shown !== undefined && timingSafeEqual(digest(shown.trim()), this.#secret);
  }

  #trouble(request: IncomingMessage, response: ServerResponse, trouble: Trouble): void {
    this.#refuse(request, response, refuse(trouble));
  }

  /** What is left of the body is read and thrown away, so that the agent gets to read the refusal. */
  #refuse(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Refusal): void {
    request.resume();
    response.writeHead(status, { ...toNode(headers), "content-length": body.length });
    response.end(body);
  }
}

function digest(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

/** The parts of a request's target, in origin form (`/mcp?a=b`) or in absolute form. */
function targetOf(target: string): { path: string; query?: string; authority?: string } {
  const [, authority, rest = target] = /^https?:\/\/([^/?]*)(.*)$/i.exec(target) ?? [];
  const mark = rest.indexOf("?");
  const path = mark < 0 ? rest : rest.slice(0, mark);
  return {
    path,
    ...(mark >= 0 && { query: rest.slice(mark + 1) }),
    ...(authority !== undefined && { authority }),
  };
}
