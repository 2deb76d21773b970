"""The Python SDK 2.x as an agent."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import httpx2
from mcp import Client, MCPError, types
from mcp.client.subscriptions import SubscriptionLost
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

sys.path.insert(0, str(Path(__file__).parent.parent))
from lines import Heard, obey  # noqa: E402


class Agent:
    def __init__(self, stack):
        self._stack = stack
        self._told = Heard()

    async def connect(self, url, secret, mode):
        self._url = url
        self._http = create_mcp_http_client(headers={"Authorization": f"Bearer {secret}"})
        await self._stack.enter_async_context(self._http)
        transport = streamable_http_client(url, http_client=self._http)
        self._client = Client(transport, mode=mode, message_handler=self._hear)
        await self._stack.enter_async_context(self._client)
        if self._client.protocol_version >= "2026-07-28":
            await self._subscribe()
        return {"version": self._client.protocol_version}

    async def list(self):
        tools = (await self._client.list_tools()).tools
        return {"tools": [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools]}

    async def call(self, tool, arguments, steps):
        progress = Heard()

        async def on_progress(step, total, message):
            progress.add(step)

        result = await self._client.call_tool(tool, arguments, progress_callback=on_progress)
        seen = await progress.are(steps)
        return {"result": result.model_dump(by_alias=True, exclude_none=True), "progress": seen}

    async def told(self, times):
        return {"told": len(await self._told.are(times))}

    async def leave(self):
        await self._stack.aclose()
        return {}

    async def _hear(self, message):
        """In the legacy era the server tells of changes unasked."""
        if isinstance(message, Exception):
            print(message, file=sys.stderr)
        elif isinstance(message, types.ToolListChangedNotification):
            if self._client.protocol_version < "2026-07-28":
                self._told.add(message)

    async def _subscribe(self):
        listening = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.callback(listening.cancel_scope.cancel)
        await listening.start(self._listen)

    async def _listen(self, *, task_status):
        """In the modern era it tells those who listen; who loses the subscription is to listen again."""
        while True:
            try:
                async with self._client.listen(tools_list_changed=True) as changes:
                    task_status.started()
                    task_status = anyio.TASK_STATUS_IGNORED
                    async for change in changes:
                        self._told.add(change)
            except (SubscriptionLost, MCPError) as error:
                print(error, file=sys.stderr)
                await self._server_is_there()

    async def _server_is_there(self):
        """A request that is not answered ends this client for good, so it asks for something else first. A connection
        alone would not do: a process that is being killed may take one."""
        while True:
            try:
                await self._http.get(f"{self._url}/is-there")
                return
            except httpx2.TransportError:
                await anyio.sleep(0.05)


async def main():
    async with AsyncExitStack() as stack:
        agent = Agent(stack)
        deeds = ("connect", "list", "call", "told", "leave")
        await obey({name: getattr(agent, name) for name in deeds})


anyio.run(main)
