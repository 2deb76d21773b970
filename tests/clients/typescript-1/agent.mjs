// The TypeScript SDK 1.x as an agent.
import { Heard, obey, require } from '../lines.mjs';

const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');

const told = new Heard();
const tools = { debounceMs: 0, onChanged: (error, tools) => (error ? console.error(error) : told.add(tools)) };
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
    async call({ tool, arguments: given, steps }) {
        const progress = new Heard();
        const onprogress = (step) => progress.add(step.progress);
        const result = await client.callTool({ name: tool, arguments: given }, undefined, { onprogress });
        return { result, progress: await progress.are(steps) };
    },
    async told({ times }) {
        return { told: (await told.are(times)).length };
    },
    async leave() {
        await client.transport.terminateSession();
        await client.close();
        return {};
    },
});
