/** Listening at once, as the seed does: its `start()` gives the port, and not the promise of one. */

import net from "node:net";
import type { Server } from "node:http";

/** What Node.js has had for its own cluster module since long, and does not document. */
interface Internals {
  _createServerHandle?: (address: string, port: number, addressType: 4) => object | number;
}

const LOOPBACK = "127.0.0.1";

/** Listens on the loopback address, and gives the port. */
export function listen(server: Server, port: number): number {
  // A port that is in use is found out here, and told once more later.
  server.on("error", () => {});
  // Node.js looks an address up before it binds it, even one that is a number; Bun binds it at once.
  const { _createServerHandle: createHandle } = net as unknown as Internals;
  if (createHandle === undefined || "bun" in process.versions) {
    server.listen(port, LOOPBACK);
  } else {
    const handle = createHandle(LOOPBACK, port, 4);
    if (typeof handle === "number") throw cannotListen(port);
    server.listen({ _handle: handle });
  }
  const address = server.address();
  if (!server.listening || address === null || typeof address === "string") throw cannotListen(port);
  return address.port;
}

function cannotListen(port: number): Error {
  return new Error(`cannot listen at ${LOOPBACK}:${port}: is the port in use?`);
}
