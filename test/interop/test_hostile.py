"""The catalogue of what can be sent to hurt a server: test/hostile, where README.md explains it.

One server gets all of it, while a client that means well is served beside it.
"""
import os
import re
import unittest

import catalogue
from catalogue import FAULT, SILENCE
from good_client import GoodClient
from judge import complaint
from lookout import LookoutTest, SLOW, read_events, wait_until
from volley import Shot, fire

AT_ONCE = 250  # connections: each waits for the slowest of its volley
SPLIT_SIZE = 2048  # bytes: longer inputs are not split at each of them
P99 = 0.1 * SLOW  # seconds, of the client that means well

# Of every so many places to cut an input at, one is tried: under a sanitizer a connection costs
# several times as much. Different cases are cut at different places.
STRIDE = {1: 1}.get(SLOW, int(4 * SLOW))


def places(number, case):
    """Where the case of this number is cut."""
    return range(1 + number % STRIDE, len(case.sent), STRIDE)


class Hostile(LookoutTest):
    options = ("--validator",)

    @classmethod
    def setUpClass(cls):
        cls.cases = catalogue.read()
        super().setUpClass()
        cls.process = f"/proc/{cls.server.process.pid}"

    def count(self, what):
        return len(os.listdir(f"{self.process}/{what}"))

    def setUp(self):
        """What the server has now, it must have again afterwards."""
        self.watch = self.server.proxy()
        self.wait_for_connections(1)
        self.before = {what: self.count(what) for what in ("fd", "task")}
        self.good = GoodClient(self.server)
        self.good.__enter__()

    def tearDown(self):
        self.wait_for_connections(2)
        self.good.__exit__(None, None, None)
        self.wait_for_connections(1)
        self.addCleanup(self.watch("close"))
        self.assertEqual({what: self.count(what) for what in self.before}, self.before)
        p99 = self.good.quantile(0.99)
        print(f"{len(self.good.times)} pings beside it, p99 {p99 * 1000:.1f} ms, "
              f"longest {self.good.times[-1] * 1000:.1f} ms")
        self.assertLess(p99, P99)

    def wait_for_connections(self, count):
        wait_until(lambda: self.watch.monitor.getStatus()["connections"]["open"] == count,
                   f"there are not {count} connections")

    def hold(self, volley, cut_short=False):
        """Fires shots of cases and judges what comes back. Each complaint is a failure."""
        fire(self.server, [shot for _, shot in volley])
        for case, shot in volley:
            wrong = complaint(case, shot.back, cut_short)
            if wrong:
                self.complaints.setdefault(f"{case}: {wrong}", []).append(len(shot.first))

    def hold_all(self, shots, cut_short=False):
        self.complaints = {}
        shots = list(shots)
        for start in range(0, len(shots), AT_ONCE):
            self.hold(shots[start:start + AT_ONCE], cut_short)
        print(f"{len(shots)} connections", end=", ")
        self.assertFalse(self.complaints, "\n" + "\n".join(
            f"{wrong} (first part: {', '.join(map(str, cuts[:10]))} bytes)"
            for wrong, cuts in self.complaints.items()))

    def test_each_case(self):
        self.complaints = {}
        for case in self.cases:
            self.hold([(case, Shot(case.shot, end=case.silent))])
        self.assertFalse(self.complaints, "\n" + "\n".join(self.complaints))

    def test_each_case_in_two_parts(self):
        """However what is sent is split, the same comes back."""
        self.hold_all((case, Shot(case.shot, cut, end=case.silent))
                      for number, case in enumerate(self.cases) if len(case.sent) <= SPLIT_SIZE
                      for cut in places(number, case))

    def test_each_case_cut_short(self):
        """The server waits for the rest, and closes when there is none to come."""
        self.hold_all(((case, Shot(case.sent[:cut], end=True))
                       for number, case in enumerate(self.cases)
                       if len(case.sent) <= SPLIT_SIZE and not case.has_tail
                       for cut in places(number, case)), cut_short=True)


if __name__ == "__main__":
    unittest.main()
