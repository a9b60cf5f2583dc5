"""Clients that wait for an event: the program bench/waiters, and its conversation."""
import subprocess
import sys
import time

from peers import BUILT

PATIENCE_S = 60  # thousands of clients come


class Waiters:
    """The process of the clients that wait at a server, which has a `port` and a `proxy()`."""

    def __init__(self, server, count):
        self._server, self._count = server, count
        self._process = subprocess.Popen([f"{BUILT}/waiters", str(server.port), str(count)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _tell(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the clients that wait have ended")  # and have said why
        return line

    def wait(self, limits=1):
        """Returns when the server has all of them waiting, with so many different requests."""
        deadline = time.monotonic() + PATIENCE_S
        with self._server.proxy() as proxy:
            self._tell(f"wait {proxy.monitor.getStatus()['events']['last']} {limits}")
            while (waiting := proxy.monitor.getStatus()["waiters"]) < self._count:
                if time.monotonic() > deadline:
                    sys.exit(f"only {waiting} of {self._count} clients wait")

    def wake(self, alone=False):
        """Milliseconds until the last has its event, and of the worst ping; how many pings.

        Alone: nobody pings meanwhile.
        """
        self._tell("wake alone" if alone else "wake")
        wake_ms, ping_ms, pings = self._answer().split()
        return float(wake_ms), float(ping_ms), int(pings)
