"""A client that means well: it calls again and again, and measures how long each answer takes.

As a program, in a process of its own so that no other Python gets in its way: HOST PORT. It ends
at the end of its input, and says how it went on its output.
"""
import json
import os
import select
import subprocess
import sys
import time

import latency
from lookout import Connection, PING

PAUSE = 0.002  # seconds between calls


class Address:
    def __init__(self, host, port):
        self.host, self.port = host, port


class GoodClient:
    """As a context, around what must not disturb it; then `times` has the seconds of each call."""

    def __init__(self, server):
        self.command = [sys.executable, "-B", os.path.abspath(__file__), server.host,
                        str(server.port)]
        self.times = []

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()  # it has its first answer
        return self

    def __exit__(self, *_):
        said, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise AssertionError("a good client was not served")
        self.times = json.loads(said)

    def p99(self):
        return latency.p99(self.times, PAUSE)


def main(host, port):
    times = []
    with Connection(Address(host, int(port))) as connection:
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            began = time.monotonic()
            if connection.ask(PING).value() != "pong":
                raise AssertionError("this is no answer to a ping")
            times.append(time.monotonic() - began)
            if len(times) == 1:
                print("served", flush=True)
    print(json.dumps(times))


if __name__ == "__main__":
    main(*sys.argv[1:])
