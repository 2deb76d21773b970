/** An answer to the agent, on its way out. */

import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream";

import { type Headers, toNode } from "./headers.js";

/**
 * How much may wait for a reader that is slow, in bytes. One that lets more pile up is cut off, and delays nobody
 * else (B-7.4).
 */
const MOST_WAITING = 1 << 20;

export class AgentAnswer {
  constructor(
    private readonly response: ServerResponse,
    /** Called when an event stream of the proxy's own begins: it lasts, and counts as no request under way (B-1.7). */
    private readonly onOwnStream: () => void,
  ) {}

  /** Calls back when the agent has gone, or has all of the answer. */
  onClose(closed: () => void): void {
    this.response.on("close", closed);
  }

  whole(status: number, headers: Headers, body: Uint8Array): void {
    const length = status === 204 ? {} : { "content-length": body.length };
    this.response.writeHead(status, { ...toNode(headers), ...length });
    this.response.end(body);
  }

  begin(status: number, headers: Headers, isOwnStream: boolean): void {
    if (isOwnStream) this.onOwnStream();
    this.response.writeHead(status, toNode(headers));
    this.response.flushHeaders();
  }

  /** False when too much waits for the agent; the answer is broken off then. */
  piece(bytes: Uint8Array): boolean {
    const waiting = this.response.writableLength;
    if (waiting > 0 && waiting + bytes.length > MOST_WAITING) {
      this.breakOff();
      return false;
    }
    this.response.write(bytes);
    return true;
  }

  end(): void {
    this.response.end();
  }

  /** Closes the connection, so that the agent does not take what it has for complete. */
  breakOff(): void {
    this.response.destroy();
  }

  /** The relay's answer as it comes, at the pace of the slower side (B-2.3); `stop` closes the call. */
  splice(status: number, headers: Headers, body: Readable, stop: () => void): void {
    this.response.writeHead(status, toNode(headers));
    this.response.flushHeaders();
    pipeline(body, this.response, (error) => {
      if (error) {
        this.breakOff();
        stop();
      }
    });
  }
}
