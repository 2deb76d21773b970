/** The runner's relay token, read at each call (B-2.2). It never leaves this file but in a header to the relay. */

import type { Header } from "../generated/interfaces/relay-mcp-proxy-machine.js";

/** How often a token is looked at while the outbox waits for another one, in milliseconds. */
const LOOK_EVERY = 500;

export class LiveToken {
  #known: string | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(
    private readonly getToken: () => string | undefined,
    /** Called soon after the token was seen to be another one. */
    private readonly onChange: () => void,
  ) {
    this.#known = this.#read();
  }

  /** The header for a call that is made now; none without a token. */
  header(): Header | undefined {
    const token = this.#current();
    return token === undefined ? undefined : { name: "authorization", value: `Bearer ${token}` };
  }

  /** Whether a call that is made now would carry another header. */
  differsFrom(used: Header | undefined): boolean {
    return this.header()?.value !== used?.value;
  }

  /** Looks after it even where no call is made. */
  watch(isOn: boolean): void {
    clearInterval(this.#watch);
    this.#watch = isOn ? setInterval(() => this.#current(), LOOK_EVERY) : undefined;
  }

  #current(): string | undefined {
    const token = this.#read();
    if (token !== this.#known) {
      this.#known = token;
      queueMicrotask(this.onChange);
    }
    return token;
  }

  /** One that no header can carry, or a runner that has none to give, leaves the last one. */
  #read(): string | undefined {
    try {
      const token = this.getToken()?.trim() || undefined;
      return token === undefined || /^[\x21-\x7e]+$/.test(token) ? token : this.#known;
    } catch {
      return this.#known;
    }
  }
}
