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


class Heard:
    """What was heard, in order; who waits for a number of things is told when they are there."""

    def __init__(self):
        self.things = []
        self._more = anyio.Event()

    def add(self, thing):
        self.things.append(thing)
        self._more.set()
        self._more = anyio.Event()

    async def are(self, count):
        while len(self.things) < count:
            await self._more.wait()
        return self.things
