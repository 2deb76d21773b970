// The TypeScript client 2.x as an agent.
import { Heard, obey, require } from '../lines.mjs';

const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');

const told = new Heard();
const tools = { debounceMs: 0, onChanged: (error, tools) => (error ? console.error(error) : told.add(tools)) };
let client;

await obey({
    async connect({ url, secret, mode }) {
        const options = { listChanged: { tools }, versionNegotiation: { mode } };
        client = new Client({ name: 'typescript-2', version: '1' }, options);
        client.onerror = (error) => console.error(error);
        const headers = { Authorization: `Bearer ${secret}` };
        await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
        return { version: client.getNegotiatedProtocolVersion() };
    },
    async list() {
        return { tools: (await client.listTools()).tools };
    },
    async call({ tool, arguments: given, steps }) {
        const progress = new Heard();
        const onprogress = (step) => progress.add(step.progress);
        const result = await client.callTool({ name: tool, arguments: given }, { onprogress });
        return { result, progress: await progress.are(steps) };
    },
    async told({ times }) {
        return { told: (await told.are(times)).length };
    },
    async leave() {
        await client.close();
        return {};
    },
});
