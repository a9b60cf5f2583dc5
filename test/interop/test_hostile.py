"""The catalogue of what can be sent to hurt a server: test/hostile, where README.md explains it.

One server gets all of it, and one with larger limits what theirs are needed for, while a client
that means well is served beside.
"""
import contextlib
import os
import re
import unittest

import catalogue
from good_client import GoodClient
from judge import complaint
from lookout import LookoutTest, PATIENCE, SLOW, Server, call_body, request, wait_until
from terminal import assert_shown
from volley import Shot, fire

AT_ONCE = int(250 / SLOW)  # connections
SPLIT_SIZE = 2048  # bytes: longer inputs are not split at each of them
SLOW_SIZE = 512  # bytes: longer inputs are not sent one by one
SLOW_AT_ONCE = int(100 / SLOW)
LARGE_SIZE = 50_000  # bytes: what may cost the server most is as large, and sent
LARGE_AT_ONCE = 8  # times at once, on more connections than there are processors
LARGE_CPU = 0.25 * SLOW  # seconds of the server's, for each of them
P99 = 0.5 * SLOW  # seconds, of the client that means well, on a machine that may be busy

# Of so many places to cut inputs at, one is tried: each is a connection, which the sanitizers make
# dearer. Without them all are tried.
STRIDE = 1 if SLOW == 1 else int(2 * SLOW) + 1

# Within a body whose length is known nothing is read before all of it is there: there, of so many
# places, an input is cut short at one.
BODY_STRIDE = 5


def places(cases, body_stride=1):
    """(case, where to cut it): for each way that inputs begin, the first of those cases."""
    begun, found = set(), []
    for case in cases:
        for cut in range(1, len(case.sent) if len(case.sent) <= SPLIT_SIZE else 0):
            is_passed_over = cut > case.framed and cut % body_stride != 0
            if not is_passed_over and case.sent[:cut] not in begun:
                begun.add(case.sent[:cut])
                found.append((case, cut))
    return found[::STRIDE]


class Catalogue(LookoutTest):
    """Tests that send the cases of a folder, and judge what comes back."""

    folder = ""

    @classmethod
    def setUpClass(cls):
        cls.cases = catalogue.read(cls.folder)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        assert_shown(cls.server.lines())

    def setUp(self):
        self.complaints = {}
        self.verdicts = {}

    def count(self, what):
        return len(os.listdir(f"/proc/{self.server.process.pid}/{what}"))

    @contextlib.contextmanager
    def unharmed(self):
        """Around what must not hurt: others are served, and afterwards all is as it was."""
        with Server("--quiet") as quiet, GoodClient(quiet) as elsewhere, \
                self.server.proxy() as watch:
            self.wait_for_connections(watch, 1)
            before = {what: self.count(what) for what in ("fd", "task")}
            with GoodClient(self.server) as good:
                yield
                self.wait_for_connections(watch, 2)
            self.wait_for_connections(watch, 1)
            self.assertEqual({what: self.count(what) for what in before}, before)
        print(f"{len(good.times)} pings beside, p99 {good.p99() * 1000:.1f} ms", end=" ... ",
              flush=True)
        # What the machine gives at that moment is measured with a server that is sent nothing else.
        self.assertLess(good.p99(), P99 + 2 * elsewhere.p99())

    def wait_for_connections(self, watch, count):
        wait_until(lambda: watch.monitor.getStatus()["connections"]["open"] == count,
                   f"there are not {count} connections")

    def fire(self, cases, shots, cut_short=False):
        """Sends all at once and judges what comes back."""
        fire(self.server, shots)
        for case, shot in zip(cases, shots):
            wrong = self.judge(case, shot.back, cut_short)
            if wrong:
                self.complaints.setdefault(f"{case}: {wrong}", []).append(len(shot.parts[0]))

    def judge(self, case, back, cut_short):
        """What is wrong, if anything. What was judged before is not judged again."""
        key = case, cut_short, re.sub(rb"\r\nDate: [^\r]+", b"", back)
        if key not in self.verdicts:
            self.verdicts[key] = complaint(case, back, cut_short)
        return self.verdicts[key]

    def assert_no_complaints(self):
        self.assertFalse(self.complaints, "\n" + "\n".join(
            f"{wrong} (of {cuts[:10]} bytes sent first)"
            for wrong, cuts in self.complaints.items()))

    def fire_each(self, cases, at_once=1):
        """One case after the other, so many times at once."""
        print(f"{len(cases)} cases", end=", ")
        with self.unharmed():
            for case in cases:
                self.fire([case] * at_once,
                          [Shot(case.shot, end=case.silent) for _ in range(at_once)])
        self.assert_no_complaints()

    def fire_all(self, cuts, make_shot, cut_short=False, at_once=AT_ONCE):
        print(f"{len(cuts)} connections", end=", ")
        for start in range(0, len(cuts), at_once):
            volley = cuts[start:start + at_once]
            self.fire([case for case, _ in volley],
                      [make_shot(case, cut) for case, cut in volley], cut_short)


class Hostile(Catalogue):
    options = ("--validator", "--request-timeout", str(6 * PATIENCE))  # one by one takes long

    def test_each_case(self):
        self.fire_each(self.cases)

    def test_each_case_in_two_parts(self):
        """However what is sent is split, the same comes back."""
        with self.unharmed():
            self.fire_all(places(self.cases),
                          lambda case, cut: Shot(case.shot, cut, end=case.silent))
        self.assert_no_complaints()

    def test_each_case_byte_by_byte(self):
        """Each is read before the next one comes."""
        cases = [case for case in self.cases if len(case.sent) <= SLOW_SIZE]
        with self.unharmed():
            self.fire_all([(case, 1) for case in cases[::STRIDE]],
                          lambda case, _: Shot.one_by_one(case.shot, len(case.sent), case.silent),
                          at_once=SLOW_AT_ONCE)
        self.assert_no_complaints()

    def test_each_case_cut_short(self):
        """The server waits for the rest, and closes when there is none to come."""
        with self.unharmed():
            self.fire_all(places([case for case in self.cases if not case.has_tail], BODY_STRIDE),
                          lambda case, cut: Shot(case.sent[:cut], end=True), cut_short=True)
        self.assert_no_complaints()

    def test_each_call_of_a_multicall_is_counted(self):
        """Also those that are faults; the whole of it is one call more."""
        def calls_of(method):
            with self.server.proxy() as proxy:
                return sum(one["calls"] for one in proxy.monitor.getMethodStats()
                           if one["method"] == method)

        before = {name: calls_of(name) for name in ("system.listMethods", "system.multicall")}
        calls = [{"methodName": "system.listMethods", "params": [1] if i % 2 else []}
                 for i in range(100)]
        with self.server.connect() as connection:
            connection.ask(request(call_body("system.multicall", calls))).value()
        self.assertEqual({name: calls_of(name) - count for name, count in before.items()},
                         {"system.listMethods": 100, "system.multicall": 1})


class LargeCases(Catalogue):
    """What may keep a worker busy, on more connections at once than the machine has processors.

    There are workers left: with none the others wait for one (see SECURITY.md).
    """

    options = ("--validator", "--request-timeout", str(PATIENCE),
               "--threads", str(2 * LARGE_AT_ONCE))

    def fire(self, cases, shots, cut_short=False):
        before = self.server.cpu_seconds()
        super().fire(cases, shots, cut_short)
        spent = (self.server.cpu_seconds() - before) / len(shots)
        if spent > LARGE_CPU:
            self.complaints[f"{cases[0]}: it costs {spent:.2f} s of CPU"] = []

    def test_each_many_at_once(self):
        self.fire_each([case for case in self.cases if len(case.sent) > LARGE_SIZE],
                       LARGE_AT_ONCE)


@unittest.skipIf(SLOW > 4, "one call at a time: ThreadSanitizer has nothing to find")
class LargerLimits(Catalogue):
    """A hundred thousand of a thing, where --max-body would keep them from being looked at."""

    options = ("--validator", "--request-timeout", str(6 * PATIENCE),
               "--max-body", "32M", "--max-elements", "2000000")
    folder = "larger-limits"

    def test_each_case(self):
        self.fire_each(self.cases)


if __name__ == "__main__":
    unittest.main()
