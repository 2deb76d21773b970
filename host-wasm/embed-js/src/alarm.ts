/** Wakes the machine when it asked for it. */

import type { Clock } from "./clock.js";

/** The longest wait of a timer, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

export class Alarm {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly ring: () => void,
  ) {}

  /** Rings at this time, and not at the one that was set before. */
  set(at: bigint | undefined): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (at === undefined) return;
    const wait = Math.min(Math.max(Number(at - this.clock.now()), 0), LONGEST);
    this.#timer = setTimeout(this.ring, wait);
  }
}
