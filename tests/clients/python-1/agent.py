"""The Python SDK 1.x as an agent."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

sys.path.insert(0, str(Path(__file__).parent.parent))
from lines import Heard, obey  # noqa: E402


class Agent:
    def __init__(self, stack):
        self._stack = stack
        self._told = Heard()

    async def connect(self, url, secret, mode):
        http = create_mcp_http_client(headers={"Authorization": f"Bearer {secret}"})
        await self._stack.enter_async_context(http)
        transport = streamable_http_client(url, http_client=http)
        read, write, _ = await self._stack.enter_async_context(transport)
        session = ClientSession(read, write, message_handler=self._hear)
        self._session = await self._stack.enter_async_context(session)
        hello = await self._session.initialize()
        return {"version": hello.protocolVersion}

    async def list(self):
        tools = (await self._session.list_tools()).tools
        return {"tools": [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools]}

    async def call(self, tool, arguments, steps):
        progress = Heard()

        async def on_progress(step, total, message):
            progress.add(step)

        result = await self._session.call_tool(tool, arguments, progress_callback=on_progress)
        seen = await progress.are(steps)
        return {"result": result.model_dump(by_alias=True, exclude_none=True), "progress": seen}

    async def told(self, times):
        return {"told": len(await self._told.are(times))}

    async def leave(self):
        await self._stack.aclose()
        return {}

    async def _hear(self, message):
        if isinstance(message, Exception):
            print(message, file=sys.stderr)
        elif isinstance(message, types.ServerNotification):
            if isinstance(message.root, types.ToolListChangedNotification):
                self._told.add(message)


async def main():
    async with AsyncExitStack() as stack:
        agent = Agent(stack)
        deeds = ("connect", "list", "call", "told", "leave")
        await obey({name: getattr(agent, name) for name in deeds})


anyio.run(main)
