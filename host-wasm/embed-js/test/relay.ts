/** A small relay: legacy sessions, a menu, and tools that remember what they applied. It can die and return. */

import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";

export interface Applied {
  tool: string;
  arguments: Record<string, unknown>;
}

interface Message {
  id?: unknown;
  method: string;
  params?: { name: string; arguments?: Record<string, unknown> };
}

export class Relay {
  /** What the menu holds. */
  tools = ["relay_send_message", "relay_reply", "relay_workspace_status", "relay_workspace_ready", "relay_find"];
  /** The writes that were applied, each key once. */
  applied: Applied[] = [];
  /** The methods that arrived, and with what token. */
  arrived: { method: string; token: string | undefined }[] = [];
  /** The only token that is let in; any where it is undefined. */
  token: string | undefined;
  /** The status of every answer, where it is not what the request deserves. */
  status: number | undefined;
  /** Answers under way on the tool `relay_watch`, which streams. */
  watchers: ServerResponse[] = [];

  #server: Server | undefined;
  #port = 0;
  #keys = new Set<unknown>();
  #sessions = new Set<unknown>();

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}/api/mcp`;
  }

  /** Begins to listen, where it did before. */
  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Dies: connections break, sessions are forgotten, and nobody listens. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#sessions.clear();
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST") return void response.writeHead(request.method === "DELETE" ? 204 : 405).end();
    let body = "";
    for await (const piece of request) body += piece;
    const message = JSON.parse(body) as Message;
    const token = request.headers.authorization?.replace("Bearer ", "");
    this.arrived.push({ method: message.method, token });
    if (this.status !== undefined) return void response.writeHead(this.status).end();
    if (this.token !== undefined && token !== this.token) return void response.writeHead(401).end();
    const session = request.headers["mcp-session-id"];
    if (session !== undefined && !this.#sessions.has(session)) return void response.writeHead(404).end();
    if (message.id === undefined) return void response.writeHead(202).end();
    if (message.params?.name === "relay_watch") return this.#watch(message, response);
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (message.method === "initialize") {
      headers["mcp-session-id"] = randomUUID();
      this.#sessions.add(headers["mcp-session-id"]);
    }
    response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...this.#answer(message) }));
  }

  #answer({ method, params }: Message): object {
    switch (method) {
      case "initialize": {
        const serverInfo = { name: "relay", version: "1" };
        return { result: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo, extra: 7 } };
      }
      case "ping":
        return { result: {} };
      case "tools/list":
        return { result: { tools: this.tools.map((name) => ({ name, inputSchema: { type: "object" } })) } };
      case "tools/call": {
        const { name, arguments: given = {} } = params ?? { name: "" };
        if (name === "relay_refused") return { error: { code: -32050, message: "no" } };
        const key = given["idempotencyKey"];
        if (key === undefined || !this.#keys.has(key)) this.applied.push({ tool: name, arguments: given });
        if (key !== undefined) this.#keys.add(key);
        return { result: { content: [{ type: "text", text: "done" }] } };
      }
      default:
        return { error: { code: -32601, message: `no such method: ${method}` } };
    }
  }

  #watch(message: Message, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"id":${message.id}}}\n\n`);
    this.watchers.push(response);
  }
}
