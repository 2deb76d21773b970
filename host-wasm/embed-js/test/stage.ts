/** A relay, a proxy before it, and an agent: what most tests begin with. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { type Event, RelayMcpProxy, type RelayMcpProxyOptions } from "../src/index.js";
import type { OpenMachine } from "../src/component.js";
import { Agent } from "./agent.js";
import { Relay } from "./relay.js";

export const SECRET = "the-secret-of-the-agent";
export const TOKEN = "the-token-of-the-relay";

export interface Stage {
  relay: Relay;
  proxy: RelayMcpProxy;
  agent: Agent;
  dataDir: string;
  /** What the runner was told. */
  events: Event[];
}

/** A directory that is gone after the test. */
export function directory(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "relay-mcp-embed-"));
  test.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export async function stage(
  test: TestContext,
  options: Partial<RelayMcpProxyOptions> = {},
  open?: OpenMachine,
): Promise<Stage> {
  const relay = await new Relay().start();
  test.after(() => relay.stop());
  const dataDir = options.dataDir ?? directory(test);
  const events: Event[] = [];
  const given = {
    relayMcpEndpoint: relay.endpoint,
    getToken: () => TOKEN,
    authSecret: SECRET,
    dataDir,
    observe: (event: Event) => events.push(event),
    ...options,
  };
  const proxy = open === undefined ? new RelayMcpProxy(given) : new RelayMcpProxy(given, open);
  test.after(() => proxy.stop());
  const { url } = proxy.start();
  return { relay, proxy, agent: new Agent(url, SECRET), dataDir, events };
}
