"""Good, slow and hostile clients all mixed, for a long time: what does the server keep of them?

All of them are sent away twice: after a time to get warm, in which every cache and every buffer
has come to its size, and at the end. Each time it is awaited that nobody is connected, and then
looked at what the server has in use. Used by test/soak and by test_soak.py.
"""
import dataclasses
import re
import time

from behaviours import HALF_CLOSED, LARGE, LARGE_TYPE, LEAVING, SLOW as SLOW_KINDS
from crowding import Crowd, Footprint, footprint, footprint_alone
from lookout import Server, wait_until

# Small, so that what is bounded is at its bound when the server is warm; and the disk is not what
# is waited for.
OPTIONS = ("--quiet", "--sync", "normal", "--recent", "256K", "--keep-events", "2000",
           "--request-timeout", "5", "--keepalive", "5")

GOOD = {"calling": 8, "calling once": 4, "calling in bursts": 32}
BAD = {"throwing": 4, **dict.fromkeys(SLOW_KINDS, 8), **dict.fromkeys(HALF_CLOSED, 1),
       **{kind: 1 for kind in LEAVING if "runs" not in kind}}

LOOK_EVERY_S = 1.0


@dataclasses.dataclass(frozen=True)
class Look:
    """What a server has in use when nobody is connected."""
    footprint: Footprint
    rss_kib: int


def require(condition, complaint):
    if not condition:
        raise AssertionError(complaint)


class Soak:
    def __init__(self, progress=lambda answered, bad, rss_kib: None):
        self._progress = progress
        self.answered = self.bad = 0  # requests of good clients, and of the others
        self.answered_before = 0  # of the good, when it was warm
        self.server = Server(*OPTIONS)
        self._send_large()
        self._at_first = footprint_alone(self.server)

    def _send_large(self):
        """What slow readers read, which is pruned before long."""
        with self.server.proxy() as proxy:
            proxy.monitor.sendEvent(LARGE_TYPE, "x" * LARGE)

    def rss_kib(self):
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])

    def storm(self, seconds, requests=0):
        """Lets them all come for so long, and until so many requests of the good are answered."""
        until, good_before, bad_before = time.monotonic() + seconds, self.answered, self.bad
        with Crowd(self.server, GOOD, again=True) as good, \
                Crowd(self.server, BAD, again=True) as bad:
            good.await_ready()
            bad.await_ready()
            bad.tell("go")
            while time.monotonic() < until or self.answered - good_before < requests:
                time.sleep(min(LOOK_EVERY_S, seconds / 5))
                self._send_large()
                self.answered = good_before + good.answered()
                self.bad = bad_before + bad.answered()
                self._progress(self.answered, self.bad, self.rss_kib())
            good.tell("end")
            bad.tell("end")
            for outcomes in good.report().outcomes.values():
                require(set(outcomes) <= {"served"}, f"a good client was not served: {outcomes}")

    def look(self):
        """What there is when all are gone: of what can be counted, as much as at first."""
        wait_until(lambda: footprint(self.server) == self._at_first,
                   f"{self._at_first} at first, and now {footprint(self.server)}")
        return Look(footprint(self.server), self.rss_kib())

    def run(self, seconds, requests=0):
        """Returns how many KiB the server has grown by since it was warm."""
        self.storm(seconds / 3, requests // 5)
        warm = self.look()
        self.answered_before = self.answered
        self.storm(seconds, requests)
        return self.look().rss_kib - warm.rss_kib
