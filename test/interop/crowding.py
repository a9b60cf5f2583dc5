"""A crowd beside which good clients are to be served: who starts it, and who measures.

What the server's clients take and give back is looked at through a Footprint.
"""
import collections
import dataclasses
import json
import os
import subprocess
import sys

import latency
from behaviours import GOOD, PAUSE_S
from lookout import Lines, PATIENCE, wait_until

CROWD_PATIENCE = 6 * PATIENCE  # for what thousands do one after the other

CROWD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crowd.py")


class Crowd:
    """A process of so many clients of each kind. As a context it is there, and then gone."""

    def __init__(self, server, kinds, again=False):
        command = [sys.executable, "-B", CROWD, *(["--again"] if again else []), str(server.port)]
        self._process = subprocess.Popen(
            command + [f"{kind}={count}" for kind, count in kinds.items()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._lines = Lines(self._process.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._lines.join()

    def await_ready(self):
        """Returns when each of its clients has connected, and has sent what it begins with."""
        self._lines.wait_for("ready", CROWD_PATIENCE)

    def tell(self, word):
        self._process.stdin.write(word.encode() + b"\n")
        self._process.stdin.flush()

    def answered(self):
        """How many requests were answered so far."""
        before = len(self._lines.all())
        self.tell("count")
        return int(self._lines.wait_for(r"(\d+)", PATIENCE, before)[1])

    def report(self, patience_s=CROWD_PATIENCE):
        """What became of its clients, when all have come to their end."""
        return Report(**json.loads(self._lines.wait_for(r"(\{.*\})", patience_s)[1]))


@dataclasses.dataclass(frozen=True)
class Report:
    outcomes: dict  # of each kind: how many of its clients each thing became of
    seconds: dict  # of each kind: from a client's coming to what became of it
    notes: list
    answered: int


class Neighbour:
    """Good clients beside others, in a process of their own: each of their pings is answered."""

    def __init__(self, server):
        self._crowd = Crowd(server, dict.fromkeys(GOOD, 1))
        self._report = None

    def __enter__(self):
        self._crowd.await_ready()
        return self

    def __exit__(self, *_):
        self._crowd.__exit__()

    def ms(self):
        """How long each of their pings took, up to the first time that this is asked."""
        if not self._report:
            self._crowd.tell("go")
            self._report = self._crowd.report()
        for kind, outcomes in self._report.outcomes.items():
            if outcomes != {"served": 1}:
                raise AssertionError(f"a {kind} neighbour was not served: {outcomes}")
        return self._report.notes

    def p99_ms(self):
        return latency.p99(self.ms(), PAUSE_S * 1000)


Footprint = collections.namedtuple("Footprint", "connections waiters descriptors threads")


def footprint(server):
    """What a server has in use, besides the memory, and the connection that asks."""
    process = f"/proc/{server.process.pid}"
    with server.proxy() as proxy:
        status = proxy.monitor.getStatus()
        return Footprint(status["connections"]["open"] - 1, status["waiters"],
                         len(os.listdir(f"{process}/fd")) - 1, len(os.listdir(f"{process}/task")))


def footprint_alone(server):
    """That of a server whose last client has just left: when it has seen it."""
    def alone():
        found = footprint(server)
        return found if found.connections == 0 else None
    return wait_until(alone, "a client does not leave")
