/** The rules that stand in the component, so that they are written once: the door, and which headers go where. */

import type { Config, Method, Sent } from "../generated/interfaces/relay-mcp-proxy-machine.js";
import type { Door, Knock, Refusal, Trouble, Ways } from "../generated/interfaces/relay-mcp-proxy-rules.js";
import { newInstance, payloadOf } from "./component.js";

export type { Door, Knock, Refusal, Trouble };

/** How many names of headers are remembered. */
const MOST_NAMES = 1000;

type Offered = ReturnType<typeof newInstance>["root"]["rules"];

let offered: Offered | undefined;
const waysOf = new Map<string, Ways>();

/** The configuration that ships. */
export const defaults = (): Config => ask((rules) => rules.defaults());

/** Lets a request in, or says how to refuse it. */
export function admit(door: Door, knock: Knock): Method | Refusal {
  try {
    return ask((rules) => rules.admit(door, knock));
  } catch (error) {
    const refusal = payloadOf(error);
    if (refusal === undefined) throw error;
    return refusal as Refusal;
  }
}

/** How to refuse a request for what came later. */
export const refuse = (trouble: Trouble): Refusal => ask((rules) => rules.refuse(trouble));

/** The answer to a request that a machine which has trapped will not answer any more. */
export const failed = (method: Method, body: Uint8Array, sent: Sent): Refusal =>
  ask((rules) => rules.failed(method, body, sent));

/** Which ways a header goes; the name is in lower case. */
export function crossing(name: string): Ways {
  let ways = waysOf.get(name);
  if (ways === undefined) {
    if (waysOf.size >= MOST_NAMES) waysOf.clear();
    ways = ask((rules) => rules.crossing(name));
    waysOf.set(name, ways);
  }
  return ways;
}

/** Asks an instance that only has the rules to answer for. One that has trapped is used no more. */
function ask<T>(question: (rules: Offered) => T): T {
  offered ??= newInstance().root.rules;
  try {
    return question(offered);
  } catch (error) {
    if (payloadOf(error) === undefined) offered = undefined;
    throw error;
  }
}
