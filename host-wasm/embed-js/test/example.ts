import { RelayMcpProxy } from "relay-mcp-proxy";

const proxy = new RelayMcpProxy({
  relayMcpEndpoint: "http://localhost:4850/api/mcp",
  getToken: () => process.env.RELAY_TOKEN, // read at every call: rotate it whenever you like
  authSecret: "what-the-agent-presents", // mint one for each session, and put it in the agent's environment
  dataDir: "/var/lib/runner/agent-7", // the outbox: a directory of this agent's own
});

const { url } = proxy.start(); // http://127.0.0.1:PORT/mcp, for the agent's MCP configuration
proxy.setContext({ isolatedWorktree: true }); // the agent is told when its menu changes
await proxy.refreshTools(); // after the token's scope has changed
console.log(url, proxy.narrowedToolNames(), proxy.sseClientCount());
await proxy.stop(); // what is queued stays queued, and is delivered after the next start
