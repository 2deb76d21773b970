/** A runner of `outbox.test.ts`: a proxy in a process of its own. */

import { RelayMcpProxy } from "../src/index.js";

const { RELAY = "", TOKEN, SECRET = "", DATA_DIR = "" } = process.env;
const options = { relayMcpEndpoint: RELAY, getToken: () => TOKEN, authSecret: SECRET, dataDir: DATA_DIR };
console.log(JSON.stringify(new RelayMcpProxy(options).start()));
