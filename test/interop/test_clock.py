"""The system's clock is set while the server runs: what is measured in seconds is not by it."""
import glob
import os
import tempfile
import time
import unittest

from lookout import (PING, SLOW, STATE, Server, call_body, read_events, request, wait_for_waiters)


@unittest.skipIf(SLOW > 1, "libfaketime and the sanitizers do not work together")
class Clock(unittest.TestCase):
    """The clock leaps while the server runs."""

    def setUp(self):
        found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not found:
            self.skipTest("there is no libfaketime here")
        self.clock = os.path.join(tempfile.mkdtemp(dir=STATE), "clock")
        self.set_clock("+0")
        variables = {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": self.clock,
                     "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
                     "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.server = self.enterContext(Server("--keep-days", "1", variables=variables))
        self.proxy = self.enterContext(self.server.proxy())

    def set_clock(self, offset):
        with open(self.clock + ".new", "w", encoding="ascii") as file:
            file.write(offset + "\n")
        os.rename(self.clock + ".new", self.clock)

    def set_back(self):
        before = self.proxy.monitor.getStatus()["now"]
        self.set_clock("-3600")
        self.assertLess(self.proxy.monitor.getStatus()["now"], before - 3000)

    def test_a_wait_ends_neither_early_nor_late(self):
        timeout = 2
        with self.server.connect() as waiter:
            last = self.proxy.monitor.sendEvent("before")
            began = time.monotonic()
            waiter.send(request(call_body("monitor.waitEvents", last, 1, timeout)))
            wait_for_waiters(self.proxy, 1)
            self.set_back()
            answer = waiter.read().value()
            self.assertEqual(answer["events"], [])
            self.assertGreaterEqual(time.monotonic() - began, timeout)

    def test_an_event_of_earlier_time_wakes_and_comes_later(self):
        first = self.proxy.monitor.sendEvent("mine", 1)
        with self.server.connect() as waiter:
            waiter.send(request(call_body("monitor.waitEvents", first, 10, 600)))
            wait_for_waiters(self.proxy, 1)
            self.set_back()
            second = self.proxy.monitor.sendEvent("mine", 2)
            self.assertEqual([event["id"] for event in waiter.read().value()["events"]], [second])
        events = read_events(self.proxy, "mine")
        self.assertEqual([event["id"] for event in events], [first, second])
        self.assertGreater(int(second), int(first))
        self.assertLess(events[1]["time"], events[0]["time"] - 3000)

    def test_nothing_is_removed_that_is_to_be_kept(self):
        before = [self.proxy.monitor.sendEvent("mine", i) for i in range(10)]
        self.set_back()
        after = [self.proxy.monitor.sendEvent("mine", i) for i in range(10)]
        self.server.stop()
        with self.server.again("--keep-events", "1000") as again, again.proxy() as proxy:
            proxy.print("x")  # what is recorded removes what is too old
            self.assertEqual([event["id"] for event in read_events(proxy, "mine")], before + after)

    def test_a_leap_of_a_day_ends_nothing(self):
        """Neither who is idle, nor who is in the middle of a request, nor who waits."""
        last = self.proxy.monitor.sendEvent("before")
        with self.server.connect() as idle, self.server.connect() as unfinished, \
                self.server.connect() as waiter:
            idle.ask(PING)
            unfinished.send(PING[:-10])
            waiter.send(request(call_body("monitor.waitEvents", last, 1, 600, ["mine"])))
            wait_for_waiters(self.proxy, 1)
            before = self.proxy.monitor.getStatus()["now"]
            self.set_clock("+86400")
            self.assertGreater(self.proxy.monitor.getStatus()["now"], before + 86000)
            # What has its deadline after the leap: so deadlines were looked at since.
            self.assertEqual(self.proxy.monitor.waitEvents(last, 1, 0.2, ["mine"])["events"], [])
            self.assertEqual(idle.ask(PING).value(), "pong")
            unfinished.send(PING[-10:])
            self.assertEqual(unfinished.read().value(), "pong")
            wait_for_waiters(self.proxy, 1)
            sent = self.proxy.monitor.sendEvent("mine")
            self.assertEqual([event["id"] for event in waiter.read().value()["events"]], [sent])


if __name__ == "__main__":
    unittest.main()
