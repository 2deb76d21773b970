/** What a runner says: the seed's options, and what the seed had no need of. */

import type { Config } from "../generated/interfaces/relay-mcp-proxy-machine.js";
import type { Event } from "./driver.js";
import type { FetchLike } from "./fetch-client.js";
import { defaults } from "./rules.js";

export interface ProxyContext {
  /** The agent owns a live isolated git worktree, so workspace tools apply. */
  isolatedWorktree: boolean;
}

export interface BufferedToolCall {
  tool: string;
  arguments: Record<string, unknown>;
  idempotencyKey: string;
}

export interface RelayMcpProxyOptions {
  /** The relay's MCP endpoint, such as `http://localhost:4850/api/mcp`. */
  relayMcpEndpoint: string;
  /** The runner's live relay token, read at every call. */
  getToken(): string | undefined;
  /** The bearer secret that the agent presents. */
  authSecret: string;
  /** Where the outbox is kept, and what else outlives a run: a directory of this agent's own. */
  dataDir: string;
  /** @deprecated Not called: the proxy keeps writes itself, in `dataDir`, and delivers them. */
  enqueueBuffered?(call: BufferedToolCall): void;
  initialContext?: ProxyContext;
  bufferableTools?: ReadonlySet<string>;
  /** Goes to the relay through this in place of HTTP connections of the proxy's own; for tests. */
  fetchImpl?: FetchLike;
  /** The port on 127.0.0.1; a free one where it is not given. */
  port?: number;
  /** Which tools are shown in which context (B-4.1), in place of the seed's rule. */
  menu?: Config["rules"];
  /** Names for `Host` beside the loopback ones. */
  allowedHosts?: string[];
  /** Values for `Origin` beside the loopback ones. */
  allowedOrigins?: string[];
  /** Bounds and times; what is not given is as shipped. */
  limits?: Partial<Limits>;
  /** Told of what happened, for logs and metrics: never of arguments, tokens or secrets. */
  observe?(event: Event): void;
}

/** Bounds of the agent's HTTP (B-1.7), and times, in milliseconds. */
export interface Limits {
  maxBodyBytes: number;
  maxHeaderBytes: number;
  headTimeout: number;
  bodyTimeout: number;
  /** Requests at once; open event streams are not counted. */
  maxRequests: number;
  /** How long the relay may take to begin an answer to what the proxy itself depends on. */
  relayTimeout: number;
  /** How long it may take to begin an answer to what passes through. */
  callTimeout: number;
  /** How often an open event stream gets a comment (B-7.1). */
  keepalive: number;
  /** How long what is in flight may take to finish at `stop()` (B-8.4). */
  grace: number;
}

/** The seed's bufferable tools (B-5.2). */
export const DEFAULT_BUFFERABLE_TOOLS: ReadonlySet<string> = new Set(defaults().bufferable);

/** The bounds and times of this proxy. */
export function limitsOf({ limits }: RelayMcpProxyOptions): Limits {
  const { relayTimeout, callTimeout, keepalive } = defaults();
  return {
    maxBodyBytes: 4 << 20,
    maxHeaderBytes: 64 << 10,
    headTimeout: 10_000,
    bodyTimeout: 30_000,
    maxRequests: 256,
    relayTimeout: Number(relayTimeout),
    callTimeout: Number(callTimeout),
    keepalive: Number(keepalive),
    grace: 10_000,
    ...limits,
  };
}

/** What the machine is told. */
export function configOf(options: RelayMcpProxyOptions, context: ProxyContext): Config {
  const { relayTimeout, callTimeout, keepalive } = limitsOf(options);
  const shipped = defaults();
  return {
    ...shipped,
    rules: options.menu ?? shipped.rules,
    context: flagsOf(context),
    bufferable: options.bufferableTools ? [...options.bufferableTools] : shipped.bufferable,
    relayTimeout: BigInt(relayTimeout),
    callTimeout: BigInt(callTimeout),
    keepalive: BigInt(keepalive),
  };
}

export function flagsOf(context: ProxyContext): Config["context"] {
  return Object.entries(context).map(([name, value]) => ({ name, value: Boolean(value) }));
}
