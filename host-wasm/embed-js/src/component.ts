/** The core in its sandbox: instances of the component, which imports nothing. */

import { readFileSync } from "node:fs";

import { instantiate, type Root } from "../generated/core.js";
import type { Config, Input, Outcome, Stored } from "../generated/interfaces/relay-mcp-proxy-machine.js";

/** One agent's proxy, as `wit/` describes it. Once it has thrown, it must not be used again. */
export interface Machine {
  step(now: bigint, inputs: Input[]): Outcome;
}

/** Makes a machine from what the store holds; throws [RecordRefused] where it is not the machine's. */
export type OpenMachine = (config: Config, seed: Uint8Array, now: bigint, records: Stored[]) => Machine;

/** A record in the store is not one of the machine's. */
export class RecordRefused extends Error {}

/** The most memory that a machine may hold, in bytes. */
const MOST_MEMORY = 256 << 20;

const modules = new Map<string, WebAssembly.Module>();

function coreModule(path: string): WebAssembly.Module {
  let module = modules.get(path);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(new URL(`../generated/${path}`, import.meta.url)));
    modules.set(path, module);
  }
  return module;
}

/** An instance of its own, and its memory. */
export function newInstance(): { root: Root; memory: WebAssembly.Memory } {
  let memory: WebAssembly.Memory | undefined;
  const root = instantiate(coreModule, {}, (module, imports) => {
    const instance = new WebAssembly.Instance(module, imports);
    const exported = instance.exports["memory"];
    if (exported instanceof WebAssembly.Memory) memory = exported;
    return instance;
  });
  if (memory === undefined) throw new Error("the component has no memory: build it again");
  return { root, memory };
}

export const openMachine: OpenMachine = (config, seed, now, records) => {
  const { root, memory } = newInstance();
  const proxy = opened(() => root.machine.Proxy.open(config, seed, now, records));
  return {
    step(now, inputs) {
      const outcome = proxy.step(now, inputs);
      if (memory.buffer.byteLength > MOST_MEMORY) throw new Error("the machine wants too much memory");
      return outcome;
    },
  };
};

function opened<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    const refused = payloadOf(error) as { kind: string; id: string; why: string } | undefined;
    if (refused === undefined) throw error;
    throw new RecordRefused(`the ${refused.kind} record ${JSON.stringify(refused.id)}: ${refused.why}`);
  }
}

/** What a function of the component gave as its `error`, which jco throws as it is; undefined where it trapped. */
export function payloadOf(thrown: unknown): unknown {
  return thrown instanceof Error ? undefined : thrown;
}
