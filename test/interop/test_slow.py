"""Clients that are slow, that stop half-way or that vanish, many at once: nobody else notices."""
import collections
import concurrent.futures
import re
import time
import unittest

from behaviours import HALF_CLOSED, LARGE, LARGE_TYPE, LEAVING, SLEEP_S, SLOW as SLOW_KINDS
from crowding import Crowd, Neighbour, footprint, footprint_alone
from lookout import PATIENCE, SLOW, Server, read_events, run, wait_until

P99_MS = 500 * SLOW  # of a good client beside them, on a busy machine; bench/slow has the bound

# A sanitizer's server takes as many as it can serve at once; a thousand are for the real one.
SLOW_EACH = int(1000 / SLOW)
LEAVING_EACH = int(200 / SLOW)
HELD_EACH = int(500 / SLOW)
RUNNING_EACH = 40  # each takes a thread
SYNC_MS = 3000  # of the disk: so long are all of them held together

# With these the slow are timed out while a test waits for it; with the others nobody is.
REQUEST_TIMEOUT_S, KEEPALIVE_S = (3.0, 3.5) if SLOW == 1 else (5.0, 6.0)
SHORT = ("--request-timeout", str(REQUEST_TIMEOUT_S), "--keepalive", str(KEEPALIVE_S))
LONG = ("--request-timeout", "3600", "--keepalive", "3600")
DRAIN_S = 2  # for so long the server reads on when it has answered for the last time
MARGIN_S = 3 * SLOW  # thousands reach their deadline at the same moment

# What becomes of the slow, and after how many seconds at the earliest. (A busy machine makes a few
# of them a 503: a byte had come that no worker had had the time to read.)
SLOW_ENDS = {
    "silent": ({"closed"}, KEEPALIVE_S),
    "slow head": ({"408", "503"}, REQUEST_TIMEOUT_S),
    "slow body": ({"408", "503"}, REQUEST_TIMEOUT_S),
    "slow chunks": ({"408", "503"}, REQUEST_TIMEOUT_S),
    "slow reader": ({"reset"}, REQUEST_TIMEOUT_S),
}
HALF_CLOSED_ENDS = {
    "half-closed after a request": "200",
    "half-closed in the body": "closed",
    "half-closed in the head": "closed",
    "half-closed without a byte": "closed",
}
RUNNING = [kind for kind in LEAVING if "runs" in kind]
HELD = [kind for kind in LEAVING if "held" in kind]


def states(proxy):
    """How many connections are in each state."""
    counts, after = collections.Counter(), ""
    while page := proxy.monitor.getConnections(after, 1000):
        counts.update(one["state"] for one in page)
        after = page[-1]["id"]
    return counts


class Crowds(unittest.TestCase):
    """Each test serves a crowd and good clients; when the crowd is gone, nothing of it is left."""

    def serve(self, *options, variables=()):
        self.server = self.enterContext(Server("--quiet", *options, variables=variables))
        with self.server.proxy() as proxy:
            proxy.monitor.sendEvent(LARGE_TYPE, "x" * LARGE)
        before = footprint_alone(self.server)
        self.addCleanup(self.assert_nothing_is_left, before)
        # What the machine gives at that moment is measured with a server that has no crowd.
        elsewhere = self.enterContext(Neighbour(self.enterContext(Server("--quiet"))))
        neighbour = self.enterContext(Neighbour(self.server))
        self.addCleanup(self.assert_was_served, neighbour, elsewhere)
        self.proxy = self.enterContext(self.server.proxy())

    def assert_nothing_is_left(self, before):
        wait_until(lambda: footprint(self.server) == before,
                   f"{before} before, and {footprint(self.server)} now")

    def assert_was_served(self, neighbour, elsewhere):
        self.assertLess(neighbour.p99_ms(), P99_MS + 2 * elsewhere.p99_ms())

    def crowd(self, kinds, each):
        crowd = self.enterContext(Crowd(self.server, dict.fromkeys(kinds, each)))
        crowd.await_ready()
        return crowd

    def assert_gone_within(self, seconds):
        """All but the neighbour, with its two connections, and the proxy."""
        began = time.monotonic()
        while (there := self.proxy.monitor.getStatus()["connections"]["open"]) > 3:
            self.assertLess(time.monotonic() - began, seconds, f"{there} are still there")


class Slow(Crowds):
    def test_each_is_gone_when_its_time_is_over(self):
        """Also those that go on sending after their answer, and none of them earlier."""
        self.serve(*SHORT)
        report = self.crowd(SLOW_KINDS, SLOW_EACH).report()
        self.assert_gone_within(DRAIN_S + MARGIN_S)
        for kind, (allowed, deadline_s) in SLOW_ENDS.items():
            with self.subTest(kind=kind):
                outcomes = report.outcomes[kind]
                self.assertEqual(sum(outcomes.values()), SLOW_EACH)
                self.assertLessEqual(set(outcomes), allowed)
                self.assertNotEqual(set(outcomes), {"503"})
                self.assertGreater(min(report.seconds[kind]), deadline_s - 0.01)
                self.assertLess(max(report.seconds[kind]), deadline_s + MARGIN_S)


class Leaving(Crowds):
    """No deadline passes here: who leaves is gone because it was noticed."""

    def leave(self, crowd, kinds, each, still_runs_s=0):
        crowd.tell("go")
        self.assertEqual(crowd.report().outcomes, {kind: {"left": each} for kind in kinds})
        self.assert_gone_within(still_runs_s + MARGIN_S)

    def wait_until_there_are(self, **counts):
        wait_until(lambda: all(states(self.proxy)[state] >= count
                               for state, count in counts.items()), f"there never were {counts}")

    def test_who_shuts_its_sending_side(self):
        self.serve(*LONG)
        report = self.crowd(HALF_CLOSED, LEAVING_EACH).report()
        self.assertEqual(report.outcomes, {kind: {ends: LEAVING_EACH}
                                           for kind, ends in HALF_CLOSED_ENDS.items()})
        self.assert_gone_within(MARGIN_S)

    def test_who_leaves_at_any_stage(self):
        """Half of them with a reset."""
        self.serve(*LONG)
        kinds = [kind for kind in LEAVING if kind not in RUNNING + HELD]
        crowd = self.crowd(kinds, LEAVING_EACH)
        self.wait_until_there_are(idle=8 * LEAVING_EACH, waiting=4 * LEAVING_EACH,
                                  writing=2 * LEAVING_EACH)
        self.leave(crowd, kinds, LEAVING_EACH)

    def test_who_leaves_as_its_call_runs(self):
        self.serve(*LONG, "--threads", str(3 * RUNNING_EACH))
        crowd = self.crowd(RUNNING, RUNNING_EACH)
        self.wait_until_there_are(running=2 * RUNNING_EACH)
        self.leave(crowd, RUNNING, RUNNING_EACH, SLEEP_S)

    def test_what_was_held_of_who_left_is_recorded(self):
        self.serve(*LONG, variables={"LOOKOUT_TEST_VFS": "sync_ms=0"})
        self.proxy.test.vfsSyncMs(SYNC_MS)
        crowd = self.crowd(HELD, HELD_EACH)
        self.wait_until_there_are(held=2 * HELD_EACH)
        crowd.tell("go")
        self.assertEqual(crowd.report().outcomes, {kind: {"left": HELD_EACH} for kind in HELD})
        self.proxy.test.vfsSyncMs(0)
        self.assert_gone_within(2 * PATIENCE)
        prints = read_events(self.proxy, "print")
        self.assertEqual([event["data"] for event in prints], [["x"]] * (2 * HELD_EACH))


@unittest.skipIf(SLOW > 1, "what it measures is not the server's own")
class SlowHttpTest(Crowds):
    """The tool that others attack servers with: slow heads, slow bodies, slow reading.

    It reads slowly what GET is answered alone, which is a short refusal: an answer to a call that is
    hardly read is in Slow.
    """

    MODES = {
        "-H": ("-t", "POST"),
        "-B": ("-f", "text/xml", "-s", "8192"),
        "-X": ("-k", "3", "-w", "1", "-y", "8", "-n", "1", "-z", "4"),
    }
    STAY = {"-H", "-B"}

    def available(self, output):
        """What the tool's own probe found, each time that it says it."""
        plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", output)
        return re.findall(r"service available: *(\w+)", plain)

    def await_crowd(self):
        wait_until(lambda: self.proxy.monitor.getStatus()["connections"]["open"] >= SLOW_EACH,
                   "they are not all connected")

    def test_its_three_modes(self):
        self.serve(*LONG)
        for mode, more in self.MODES.items():
            with self.subTest(mode=mode), concurrent.futures.ThreadPoolExecutor() as pool:
                attack = pool.submit(
                    run, "slowhttptest", mode, "-c", str(SLOW_EACH), "-r", str(SLOW_EACH),
                    "-i", "1", "-l", "6", "-u", self.server.url, *more)
                if mode in self.STAY:
                    self.await_crowd()
                done = attack.result()
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.available(done.stdout)[-1], "YES")


if __name__ == "__main__":
    unittest.main()
