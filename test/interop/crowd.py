"""A crowd: many clients that behave in one way or another, in a process of its own.

    crowd.py [--again] PORT KIND=COUNT…

It says "ready" when each client has connected and sent what it begins with. Then it is told what
to do on its standard input, a word a line: "go" lets those leave who stay until they are told to,
"count" asks how many requests were answered, "end" ends all. When the clients have come to their
end, or had to, a line of JSON says what became of them; sockets that they have left open stay so
until the input ends. With --again a client that has come to its end is followed by one of its kind.

It is a process of its own so that what it does takes no time from clients that measure theirs.
crowding.py starts it.
"""
import argparse
import asyncio
import collections
import json
import resource
import sys
import time

from behaviours import KINDS

AGAIN_S = 0.02  # until one that has come to its end is followed
SPREAD_S = 1.0  # over which the clients of each kind come: that they ask is not what is to hurt
CONNECT_SLICE = 200  # that connect at once: fewer than a listening socket keeps


class Crowd:
    """What its clients share."""

    def __init__(self, port, kinds, again):
        self.port = port
        self.told = asyncio.Event()
        self.doors = asyncio.Semaphore(CONNECT_SLICE)
        self.answered = 0  # requests
        self.notes = []  # of the clients, for whom has started the crowd
        self._again = again
        self._missing = sum(kinds.values())  # clients that have not arrived
        self._outcomes = {kind: collections.Counter() for kind in kinds}
        self._seconds = {kind: [] for kind in kinds}
        self._open = []  # clients that have come to their end
        self._besides = set()
        mixed = sorted((i / count, kind) for kind, count in kinds.items() for i in range(count))
        self._lives = [asyncio.create_task(self._live(kind, SPREAD_S * when))
                       for when, kind in mixed]

    def besides(self, coroutine):
        """Does something beside all else, also when its client has come to its end."""
        task = asyncio.create_task(coroutine)
        self._besides.add(task)
        task.add_done_callback(self._besides.discard)

    def arrive(self):
        self._missing -= 1
        if self._missing == 0:
            print("ready", flush=True)

    async def _live(self, kind, begins_s):
        await asyncio.sleep(begins_s)
        while True:
            client, outcome = await KINDS[kind](self)
            self._outcomes[kind][outcome] += 1
            if not self._again:
                self._seconds[kind].append(time.monotonic() - client.began)
                self._open.append(client)
                return
            client.close()
            await asyncio.sleep(AGAIN_S)

    async def end_of_all(self):
        await asyncio.wait(self._lives)
        for task in self._lives:
            if not task.cancelled():
                task.result()  # raises what went wrong

    def obey(self, word):
        if word == "go":
            self.told.set()
        elif word == "count":
            print(self.answered, flush=True)
        else:
            for task in self._lives:
                task.cancel()

    def report(self):
        return {"outcomes": self._outcomes, "seconds": self._seconds, "notes": self.notes,
                "answered": self.answered}


async def words():
    """A stream of the lines on standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def listen(reader, crowd):
    async for line in reader:
        crowd.obey(line.decode().strip())


async def run(arguments):
    kinds = {}
    for pair in arguments.kinds:
        kind, _, count = pair.partition("=")
        kinds[kind] = int(count)
    crowd = Crowd(arguments.port, kinds, arguments.again)
    listening = asyncio.create_task(listen(await words(), crowd))
    await crowd.end_of_all()
    print(json.dumps(crowd.report()), flush=True)
    await listening


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--again", action="store_true")
    parser.add_argument("port", type=int)
    parser.add_argument("kinds", nargs="+", metavar="KIND=COUNT")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
