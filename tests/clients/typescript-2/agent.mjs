// The TypeScript client 2.x as an agent.
import { Counter, obey, require } from '../lines.mjs';

const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');

const told = new Counter();
const tools = { debounceMs: 0, onChanged: (error) => (error ? console.error(error) : told.add()) };
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
    async call({ tool, arguments: given }) {
        const progress = [];
        const onprogress = (step) => progress.push(step.progress);
        const result = await client.callTool({ name: tool, arguments: given }, { onprogress });
        return { result, progress };
    },
    async told({ times }) {
        return { told: await told.reaches(times) };
    },
    async leave() {
        await client.close();
        return {};
    },
});
