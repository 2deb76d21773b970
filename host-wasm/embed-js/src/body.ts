/** Request bodies: read whole, within a size and a time (B-1.5, B-1.7). */

import type { IncomingMessage } from "node:http";

import type { Limits } from "./options.js";
import type { Trouble } from "./rules.js";

/** A body that is not taken. */
export class BodyTrouble extends Error {
  constructor(readonly trouble: Trouble) {
    super(trouble.tag);
  }
}

export function readBody(request: IncomingMessage, { maxBodyBytes, bodyTimeout }: Limits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    let isOver = false;
    const late = setTimeout(() => fail({ tag: "body-too-slow" }), bodyTimeout);
    const fail = (trouble: Trouble) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(late);
      request.removeAllListeners("data");
      reject(new BodyTrouble(trouble));
    };
    request.on("data", (piece: Buffer) => {
      length += piece.length;
      if (length > maxBodyBytes) fail({ tag: "body-too-large", val: BigInt(maxBodyBytes) });
      else pieces.push(piece);
    });
    request.on("end", () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(late);
      resolve(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces));
    });
    // A body that breaks off is the agent going away: nobody reads the refusal.
    request.on("close", () => fail({ tag: "body-too-slow" }));
    request.on("error", () => fail({ tag: "body-too-slow" }));
  });
}
