// The TypeScript SDK 1.x as an agent.
import { Counter, obey, require } from '../lines.mjs';

const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');

const told = new Counter();
const tools = { debounceMs: 0, onChanged: (error) => (error ? console.error(error) : told.add()) };
const client = new Client({ name: 'typescript-1', version: '1' }, { listChanged: { tools } });
client.onerror = (error) => console.error(error);

await obey({
    async connect({ url, secret }) {
        const headers = { Authorization: `Bearer ${secret}` };
        const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
        await client.connect(transport);
        return { version: transport.protocolVersion };
    },
    async list() {
        return { tools: (await client.listTools()).tools };
    },
    async call({ tool, arguments: given }) {
        const progress = [];
        const onprogress = (step) => progress.push(step.progress);
        const result = await client.callTool({ name: tool, arguments: given }, undefined, { onprogress });
        return { result, progress };
    },
    async told({ times }) {
        return { told: await told.reaches(times) };
    },
    async leave() {
        await client.transport.terminateSession();
        await client.close();
        return {};
    },
});
