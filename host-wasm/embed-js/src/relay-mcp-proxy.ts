/** The proxy of one agent, in the shape of the seed's class. */

import { randomBytes } from "node:crypto";

import type {
  CommandRequest,
  ReplyAnswer,
  Status,
  WriteDetail,
  WriteSummary,
} from "../generated/interfaces/relay-mcp-proxy-machine.js";
import { Clock } from "./clock.js";
import { type OpenMachine, RecordRefused, openMachine } from "./component.js";
import { DataDir } from "./data-dir.js";
import { Driver } from "./driver.js";
import { FetchRelayClient } from "./fetch-client.js";
import { AgentServer } from "./http-server.js";
import { type ProxyContext, type RelayMcpProxyOptions, configOf, flagsOf, limitsOf } from "./options.js";
import { HttpRelayClient, type RelayClient } from "./relay-client.js";
import { Store, StoreDamaged } from "./store.js";
import { LiveToken } from "./token.js";

/** What there is of a proxy between `start()` and `stop()`. */
interface Running {
  driver: Driver;
  server: AgentServer;
  store: Store;
  relay: RelayClient;
  token: LiveToken;
  directory: DataDir;
}

export class RelayMcpProxy {
  readonly #options: RelayMcpProxyOptions;
  readonly #endpoint: URL;
  #context: ProxyContext;
  #running: Running | undefined;
  #lastStatus: Status | undefined;

  constructor(
    options: RelayMcpProxyOptions,
    /** How a machine is made; a seam for tests. */
    private readonly open: OpenMachine = openMachine,
  ) {
    this.#endpoint = new URL(options.relayMcpEndpoint);
    if (!/^https?:$/.test(this.#endpoint.protocol)) throw new TypeError("relayMcpEndpoint must be an http or https URL");
    if (!/^[\x21-\x7e]+$/.test(options.authSecret)) {
      throw new TypeError("authSecret must be visible ASCII without spaces, and not empty");
    }
    this.#options = options;
    this.#context = options.initialContext ?? { isolatedWorktree: false };
  }

  /**
   * Opens the store and listens. When this returns, the agent can connect. Throws a sentence that says what is in the
   * way: another proxy holds the data directory, the store is damaged, the port is in use.
   */
  start(): { url: string; port: number } {
    if (this.#running !== undefined) throw new Error("the proxy has been started already");
    const directory = new DataDir(this.#options.dataDir);
    const opened: Partial<Running> = {};
    try {
      opened.store = new Store(directory);
      const running = { ...this.#startOn(opened.store), directory };
      opened.driver = running.driver;
      const port = running.server.listen(this.#options.port ?? 0);
      this.#running = running;
      return { url: `http://127.0.0.1:${port}/mcp`, port };
    } catch (error) {
      opened.driver?.end();
      void opened.store?.close();
      directory.letGo();
      throw error;
    }
  }

  /**
   * Takes no new requests, ends the event streams, gives what is in flight the time of `limits.grace`, and keeps the
   * outbox (B-8.4). Nothing that was accepted is lost by not waiting for it.
   */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.driver.ask({ tag: "drain" }, () => {});
    await running.server.stop(limitsOf(this.#options).grace);
    running.token.watch(false);
    running.driver.end();
    await running.store.close();
    running.relay.close();
    running.directory.letGo();
  }

  /** Sets flags of the agent's context; the agent is told if that changes its menu (B-4.6). */
  setContext(context: ProxyContext): void {
    this.#context = { ...this.#context, ...context };
    this.#running?.driver.ask({ tag: "set-context", val: flagsOf(context) }, () => {});
  }

  /** Fetches the relay's menu again with the live token (B-4.7); on failure the last one stays. */
  async refreshTools(): Promise<void> {
    await this.#asked({ tag: "refresh" });
  }

  /** How many event streams of the agent are open. */
  sseClientCount(): number {
    return Number(this.status()?.streams ?? 0n);
  }

  /** The names of the relay's tools that are shown to the agent, in the relay's order. */
  narrowedToolNames(): string[] {
    return this.status()?.visible ?? [];
  }

  /** How things are; undefined while the proxy does not run. */
  status(): Status | undefined {
    // A machine that is being opened again answers later: until then, how things were.
    this.#running?.driver.ask({ tag: "status" }, (answer) => {
      if (answer.tag === "status") this.#lastStatus = answer.val;
    });
    return this.#running && this.#lastStatus;
  }

  /** The writes in the outbox, oldest first. */
  async outbox(): Promise<WriteSummary[]> {
    const answer = await this.#asked({ tag: "list-outbox" });
    return answer?.tag === "outbox" ? answer.val : [];
  }

  /** One write, whole; undefined where there is none with this key. For the runner's eyes, never for logs. */
  async showWrite(key: string): Promise<WriteDetail | undefined> {
    const answer = await this.#asked({ tag: "show-write", val: key });
    return answer?.tag === "write" ? answer.val : undefined;
  }

  /** Queues a dead letter again, under the same key; whether that was done. */
  async retryWrite(key: string): Promise<boolean> {
    return (await this.#asked({ tag: "retry-write", val: key }))?.tag === "done";
  }

  /** Removes a write for good; whether that was done. */
  async discardWrite(key: string): Promise<boolean> {
    return (await this.#asked({ tag: "discard-write", val: key }))?.tag === "done";
  }

  #asked(request: CommandRequest): Promise<ReplyAnswer | undefined> {
    const driver = this.#running?.driver;
    if (driver === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => driver.ask(request, resolve));
  }

  #startOn(store: Store): Omit<Running, "directory"> {
    const options = this.#options;
    const clock = new Clock();
    const { fetchImpl } = options;
    const relay =
      fetchImpl === undefined ? new HttpRelayClient(this.#endpoint) : new FetchRelayClient(this.#endpoint, fetchImpl);
    const token = new LiveToken(options.getToken, () => driver.ask({ tag: "token-changed" }, () => {}));
    const open = () => {
      try {
        return this.open(configOf(options, this.#context), randomBytes(32), clock.now(), store.records());
      } catch (error) {
        throw error instanceof RecordRefused ? new StoreDamaged(store.path, error.message) : error;
      }
    };
    const observe = (event: Parameters<NonNullable<typeof options.observe>>[0]) => options.observe?.(event);
    const driver: Driver = new Driver({ relay, store, clock, token, open, observe });
    const limits = limitsOf(options);
    const door = {
      allowedHosts: options.allowedHosts ?? [],
      allowedOrigins: options.allowedOrigins ?? [],
      bodyLimit: BigInt(limits.maxBodyBytes),
    };
    const server = new AgentServer(driver, door, options.authSecret, limits);
    return { driver, server, store, relay, token };
  }
}
