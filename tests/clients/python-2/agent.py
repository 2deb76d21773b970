"""The Python SDK 2.x as an agent."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

sys.path.insert(0, str(Path(__file__).parent.parent))
from lines import Counter, obey  # noqa: E402


class Agent:
    def __init__(self, stack):
        self._stack = stack
        self._told = Counter()

    async def connect(self, url, secret, mode):
        http = create_mcp_http_client(headers={"Authorization": f"Bearer {secret}"})
        await self._stack.enter_async_context(http)
        transport = streamable_http_client(url, http_client=http)
        self._client = Client(transport, mode=mode, message_handler=self._hear)
        await self._stack.enter_async_context(self._client)
        if self._client.protocol_version >= "2026-07-28":
            await self._subscribe()
        return {"version": self._client.protocol_version}

    async def list(self):
        tools = (await self._client.list_tools()).tools
        return {"tools": [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools]}

    async def call(self, tool, arguments):
        steps = []

        async def progress(step, total, message):
            steps.append(step)

        result = await self._client.call_tool(tool, arguments, progress_callback=progress)
        return {"result": result.model_dump(by_alias=True, exclude_none=True), "progress": steps}

    async def told(self, times):
        return {"told": await self._told.reaches(times)}

    async def leave(self):
        await self._stack.aclose()
        return {}

    async def _hear(self, message):
        """In the legacy era the server tells of changes unasked."""
        if isinstance(message, Exception):
            print(message, file=sys.stderr)
        elif isinstance(message, types.ToolListChangedNotification):
            if self._client.protocol_version < "2026-07-28":
                self._told.add()

    async def _subscribe(self):
        changes = await self._stack.enter_async_context(self._client.listen(tools_list_changed=True))
        listening = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.callback(listening.cancel_scope.cancel)
        listening.start_soon(self._listen, changes)

    async def _listen(self, changes):
        async for _ in changes:
            self._told.add()


async def main():
    async with AsyncExitStack() as stack:
        agent = Agent(stack)
        deeds = ("connect", "list", "call", "told", "leave")
        await obey({name: getattr(agent, name) for name in deeds})


anyio.run(main)
