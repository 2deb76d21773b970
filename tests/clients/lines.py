"""A client as a process: one JSON line in is one thing to do, one JSON line out is what came of it. The test
that starts it, `tests/real_clients/scripted.rs`, says what there is to do."""

import json
import sys
import traceback

import anyio


async def obey(deeds):
    """`deeds` maps what there is to do to a function of the line, which answers with a dictionary."""
    while line := await anyio.to_thread.run_sync(sys.stdin.readline):
        wish = json.loads(line)
        try:
            answer = await deeds[wish.pop("do")](**wish)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


class Counter:
    """How often something has happened; who waits for a number of times is told when it is reached."""

    def __init__(self):
        self._count = 0
        self._changed = anyio.Event()

    def add(self):
        self._count += 1
        self._changed.set()
        self._changed = anyio.Event()

    async def reaches(self, times):
        while self._count < times:
            await self._changed.wait()
        return self._count
