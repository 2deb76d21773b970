/** The sidecar of relay-mcp-proxy inside a runner. README.md tells how it is used. */

export { RelayMcpProxy } from "./relay-mcp-proxy.js";
export { DEFAULT_BUFFERABLE_TOOLS } from "./options.js";
export type { BufferedToolCall, Limits, ProxyContext, RelayMcpProxyOptions } from "./options.js";
export type { Event } from "./driver.js";
export type { FetchLike } from "./fetch-client.js";
export { DataDirHeld } from "./data-dir.js";
export { StoreDamaged } from "./store.js";
export type { Status, WriteDetail, WriteSummary } from "../generated/interfaces/relay-mcp-proxy-machine.js";
