/** The time that the machine is told: the wall clock at the start, the monotonic clock from then on. */
export class Clock {
  readonly #startedAt = Date.now();
  readonly #started = performance.now();

  /** In milliseconds since the Unix epoch; never goes back. */
  now(): bigint {
    return BigInt(this.#startedAt + Math.floor(performance.now() - this.#started));
  }
}
