/** An agent: what an MCP client does over HTTP, by hand. */

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // What is in it is for each test to know.
  json: any;
}

export class Agent {
  session: string | undefined;
  #lastId = 0;

  constructor(
    readonly url: string,
    readonly secret: string,
  ) {}

  /** Greets, as legacy clients do. */
  async connect(): Promise<Answer> {
    const clientInfo = { name: "test", version: "1" };
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
    const hello = await this.ask("initialize", params);
    this.session = hello.headers.get("mcp-session-id") ?? undefined;
    await this.post({ jsonrpc: "2.0", method: "notifications/initialized" });
    return hello;
  }

  ask(method: string, params?: object): Promise<Answer> {
    return this.post({ jsonrpc: "2.0", id: ++this.#lastId, method, ...(params && { params }) });
  }

  call(name: string, given: object = {}): Promise<Answer> {
    return this.ask("tools/call", { name, arguments: given });
  }

  /** The names in the menu. */
  async menu(): Promise<string[]> {
    const { json } = await this.ask("tools/list");
    return json.result.tools.map((tool: { name: string }) => tool.name);
  }

  async post(message: object): Promise<Answer> {
    return this.send("POST", JSON.stringify(message));
  }

  async send(method: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await this.open(method, body, headers);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  }

  async open(method: string, body?: string, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
    const all = {
      authorization: `Bearer ${this.secret}`,
      accept: "application/json, text/event-stream",
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(this.session !== undefined && { "mcp-session-id": this.session }),
      ...headers,
    };
    return fetch(this.url, { method, headers: all, ...(body !== undefined && { body }), ...(signal && { signal }) });
  }

  /** Opens the event stream. */
  async listen(): Promise<Stream> {
    const leave = new AbortController();
    return new Stream(await this.open("GET", undefined, {}, leave.signal), leave);
  }
}

/** An event stream that is read. */
export class Stream {
  /** All that has come. */
  text = "";
  isOver = false;

  constructor(
    readonly response: Response,
    private readonly leave: AbortController,
  ) {
    void this.#read();
  }

  /** How often something came. */
  times(what: string): number {
    return this.text.split(what).length - 1;
  }

  close(): void {
    this.leave.abort();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const piece of this.response.body ?? []) this.text += decoder.decode(piece, { stream: true });
    } catch {
      // It was closed, here or there.
    }
    this.isOver = true;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
