"""Recording: what is acknowledged is kept, what cannot be kept is told, and nobody else waits."""
import concurrent.futures
import contextlib
import os
import time
import unittest
import xmlrpc.client

from lookout import (PING, RECORDING_FAILS, Server, call_body, pages, read_events, request,
                     small_disk, wait_until)

SYNC_MS = 300  # of a slow disk: much more than a call takes else, also under a sanitizer's load

# With this the test's server has the tests' own file system under SQLite, which test.vfs… steer.
VFS = {"LOOKOUT_TEST_VFS": "sync_ms=0"}


def print_request(*arguments):
    return request(call_body("print", *arguments))


def quicken(proxy):
    """Makes the disk as quick as it is, and waits for what it was slow with."""
    proxy.test.vfsSyncMs(0)
    proxy.monitor.sendEvent("quick")


class VfsTest(unittest.TestCase):
    """Each test has a server whose disk it can make slow, or fail, and a proxy of it."""

    def serve(self, *options, expect_stderr=()):
        self.server = self.enterContext(Server(*options, variables=VFS,
                                               expect_stderr=expect_stderr))
        self.proxy = self.enterContext(self.server.proxy())
        self.proxy.monitor.sendEvent("start")  # by then nothing of the start is being recorded

    def shown(self, connection):
        return self.server.shown(connection)

    def wait_until_held(self, connection):
        wait_until(lambda: self.shown(connection)["state"] == "held", "it is not held")

    def printed(self):
        return [event["data"] for event in read_events(self.proxy, "print")]

    def assert_fault(self, text, function, *params):
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            function(*params)
        self.assertEqual(caught.exception.faultCode, -32500, caught.exception.faultString)
        self.assertRegex(caught.exception.faultString, text)


class Held(VfsTest):
    """A disk that takes its time, under calls that promise something."""

    def setUp(self):
        self.serve()
        self.holder = self.server.connect()
        self.addCleanup(self.holder.close)
        self.proxy.test.vfsSyncMs(SYNC_MS)
        self.addCleanup(self.quicken)

    def quicken(self):
        """Lets the server end in the time it has, if it has not ended."""
        with contextlib.suppress(OSError):
            quicken(self.proxy)

    def test_nobody_else_waits_for_the_disk(self):
        """One sync is as long as hundreds of pings; the best of some holds counts."""
        seconds = []
        for i in range(3):
            self.holder.send(print_request(i))
            self.wait_until_held(self.holder)
            began = time.monotonic()
            self.proxy.monitor.ping()
            seconds.append(time.monotonic() - began)
            self.assertEqual(self.holder.read().value(), 1)
        self.assertLess(min(seconds), SYNC_MS / 1000 / 3)

    def test_an_answer_comes_after_the_sync(self):
        for _ in range(3):
            began = time.monotonic()
            self.assertEqual(self.holder.ask(print_request("x")).value(), 1)
            self.assertGreaterEqual(time.monotonic() - began, SYNC_MS / 1000 * 0.9)

    def test_what_is_not_synced_is_not_shown_to_anybody(self):
        def is_seen_in_time(number):
            """Whether we looked while it was held."""
            self.holder.send(print_request(f"not yet {number}"))
            self.wait_until_held(self.holder)
            read, lines = self.printed(), self.server.lines()
            is_held = self.shown(self.holder)["state"] == "held"  # still, so all that was before
            if is_held:
                self.assertEqual(len(read), number)
                self.assertEqual([line for line in lines if f"not yet {number}" in line], [])
            self.assertEqual(self.holder.read().value(), 1)
            self.assertEqual(len(self.printed()), number + 1)
            return is_held

        self.assertTrue(any(is_seen_in_time(number) for number in range(10)))

    def test_threads_are_free_meanwhile(self):
        """More calls are held than there are threads, and they share their syncs."""
        with Server("--threads", "2", variables=VFS) as server, server.proxy() as proxy:
            proxy.monitor.sendEvent("start")
            proxy.test.vfsSyncMs(SYNC_MS)
            holders = [server.connect() for _ in range(40)]
            began = time.monotonic()
            for i, holder in enumerate(holders):
                holder.send(print_request(i))
            for holder in holders:
                self.assertEqual(holder.read().value(), 1)
                holder.close()
            self.assertLess(time.monotonic() - began, len(holders) * SYNC_MS / 1000 / 2)
            quicken(proxy)

    def test_who_leaves_meanwhile_has_printed_nevertheless(self):
        self.holder.send(print_request("left"))
        self.wait_until_held(self.holder)
        self.holder.close()
        wait_until(lambda: self.printed() == [["left"]], "the event is lost")
        wait_until(lambda: self.proxy.monitor.getStatus()["connections"]["open"] == 1,
                   "the connection is still there")

    def test_who_ends_its_sending_is_answered(self):
        """As in `nc -N`: a call was made, and its answer is awaited."""
        self.holder.send(print_request("last words"))
        self.wait_until_held(self.holder)
        self.holder.socket.shutdown(1)
        self.assertEqual(self.holder.read().value(), 1)
        self.assertIsNone(self.holder.read())

    def test_who_ends_its_sending_with_more_requests_is_answered_and_closed(self):
        """The end came while the first was held: it is not forgotten."""
        self.holder.send(print_request("last words"))
        self.wait_until_held(self.holder)
        self.holder.send(PING)
        self.holder.socket.shutdown(1)
        self.assertEqual([self.holder.read().value() for _ in range(2)], [1, "pong"])
        self.assertIsNone(self.holder.read())

    def test_requests_behind_one_another_are_answered_in_order(self):
        echo = [request(call_body("test.echo", i)) for i in range(3)]
        self.holder.send(echo[0] + print_request("a") + echo[1] + print_request("b", "c") + echo[2])
        self.assertEqual([self.holder.read().value() for _ in range(5)], [0, 1, 1, 2, 2])

    def test_a_request_that_comes_meanwhile_is_answered_after_it(self):
        self.holder.send(print_request("a", "b"))
        self.wait_until_held(self.holder)
        self.holder.send(PING)
        self.assertEqual([self.holder.read().value() for _ in range(2)], [2, "pong"])

    def test_a_stop_gives_the_disk_what_time_it_has(self):
        """What comes last, that it stops, takes a sync of its own, after that of who left."""
        self.proxy.test.vfsSyncMs(400)
        self.holder.send(print_request(1))
        self.wait_until_held(self.holder)
        self.server.stop()
        self.assertEqual(self.holder.read().value(), 1)
        with self.server.again() as again, again.proxy() as proxy:
            self.assertEqual(len(read_events(proxy, "server.stop")), 1)

    def test_a_multicall_is_held_as_a_whole(self):
        calls = [{"methodName": "print", "params": [i]} for i in range(3)]
        self.holder.send(request(call_body("system.multicall", calls)))
        self.wait_until_held(self.holder)
        self.assertEqual(self.holder.read().value(), [[1], [1], [1]])
        self.assertEqual(self.printed(), [[0], [1], [2]])

    def test_a_stop_answers_what_is_held(self):
        """And that is kept, even if the disk is too slow for what comes after it."""
        self.server.expect_stderr = ["the last events may not be recorded"]
        self.holder.send(print_request("kept"))
        self.wait_until_held(self.holder)
        self.server.stop()
        self.assertEqual(self.holder.read().value(), 1)
        self.assertIsNone(self.holder.read())
        with self.server.again() as again, again.proxy() as proxy:
            self.assertEqual([event["data"] for event in read_events(proxy, "print")], [["kept"]])

    def test_a_stop_records_all_to_the_last(self):
        self.proxy.test.vfsSyncMs(30)
        self.holder.send(print_request("kept"))
        self.server.wait_until_runs("print")
        self.server.stop()
        self.assertEqual(self.holder.read().value(), 1)
        with self.server.again() as again, again.proxy() as proxy:
            proxy.monitor.sendEvent("end")
            self.assertEqual([event["type"] for event in read_events(proxy)],
                             ["server.start", "start", "print", "server.stop", "server.start",
                              "end"])


class HeldForLong(VfsTest):
    def test_a_slow_disk_outlasts_the_times_allowed_to_clients(self):
        self.serve("--keepalive", "0.5", "--request-timeout", "0.5")
        self.addCleanup(quicken, self.server.proxy())
        self.server.proxy().test.vfsSyncMs(1500)
        with self.server.connect() as holder:
            self.assertEqual(holder.ask(print_request("x")).value(), 1)


class FullQueue(VfsTest):
    def test_of_a_multicall_only_what_is_refused_at_once_is_a_fault(self):
        self.serve("--max-pending", "2", "--threads", "2", expect_stderr=RECORDING_FAILS)
        self.proxy.print("before")
        self.proxy.test.vfsSyncMs(SYNC_MS)
        results = self.proxy.system.multicall([{"methodName": "print", "params": [i]}
                                               for i in range(20)])
        taken = [[i] for i, result in enumerate(results) if result == [1]]
        self.assertTrue(2 <= len(taken) < 20)
        for result in results:
            if result != [1]:
                self.assertEqual(result["faultCode"], -32500)
        quicken(self.proxy)
        self.assertEqual(self.printed(), [["before"], *taken])

    def test_more_than_may_wait_are_refused(self):
        self.serve("--max-pending", "2", "--threads", "2", expect_stderr=RECORDING_FAILS)
        callers = [self.server.connect() for _ in range(20)]
        for caller in callers:
            caller.ask(PING)
        self.proxy.print("before")  # that they came is recorded now, and not in their way
        self.proxy.test.vfsSyncMs(SYNC_MS)
        for i, caller in enumerate(callers):
            caller.send(print_request(i))
        taken = []
        for i, caller in enumerate(callers):
            try:
                self.assertEqual(caller.read().value(), 1)
                taken.append([i])
            except xmlrpc.client.Fault as fault:
                self.assertEqual(fault.faultCode, -32500)
                self.assertIn("--max-pending", fault.faultString)
            caller.close()
        quicken(self.proxy)
        self.assertTrue(2 <= len(taken) < len(callers), taken)
        self.proxy.print("again")
        self.assertCountEqual(self.printed(), [["before"], *taken, ["again"]])
        gaps = wait_until(lambda: read_events(self.proxy, "gap"), "no gap event")
        self.assertEqual(sum(gap["data"]["faults"] for gap in gaps), len(callers) - len(taken))


class Closed(unittest.TestCase):
    def test_who_was_answered_has_nothing_pending(self):
        """As many clients as may have an event pending, each with one at a time."""
        clients = 4

        def call(proxy):
            for i in range(200):
                proxy.print(i)
        # Who comes is pending, too, in half of the places; that some left in the end is not recorded.
        with Server("--max-pending", str(clients), "--quiet",
                    expect_stderr=[*RECORDING_FAILS, "not told"]) as server, \
                contextlib.ExitStack() as stack, \
                concurrent.futures.ThreadPoolExecutor(clients) as pool:
            proxies = [stack.enter_context(server.proxy()) for _ in range(clients)]
            for proxy in proxies:
                proxy.monitor.ping()
                wait_until(lambda: len(read_events(proxy, "connect")) == proxies.index(proxy) + 1,
                           "who came is not recorded")
            for done in [pool.submit(call, proxy) for proxy in proxies]:
                done.result()


class Failing(VfsTest):
    """A disk that fails, from a moment on and up to another."""

    def setUp(self):
        self.serve(expect_stderr=RECORDING_FAILS)
        self.proxy.print("before")

    def break_disk(self):
        self.proxy.test.vfsFailWrites(True)

    def mend(self):
        """Returns when events are recorded again; the number of tries that were refused."""
        self.proxy.test.vfsFailWrites(False)
        self.refused = 0

        def is_well():
            try:
                return self.proxy.monitor.sendEvent("after")
            except xmlrpc.client.Fault:
                self.refused += 1
                return False

        wait_until(is_well, "it does not recover")
        return self.refused

    def test_calls_that_record_are_told_and_others_work(self):
        before = list(pages(self.proxy))
        self.break_disk()
        reason = "not recorded: .*(input/output error|I/O error)"
        self.assert_fault(reason, self.proxy.print, "refused")
        self.assert_fault(reason, self.proxy.monitor.sendEvent, "refused")
        self.assertEqual(self.proxy.greet("Ada"), "Hello, Ada!")
        self.assertEqual(list(pages(self.proxy)), before)
        answer = self.proxy.monitor.waitEvents(before[-1]["next"], 10, 0)
        self.assertEqual(answer["events"], [])
        self.mend()

    def test_a_multicall_with_a_print_is_one_fault(self):
        self.break_disk()
        calls = [{"methodName": "monitor.ping", "params": []},
                 {"methodName": "print", "params": ["refused"]}]
        self.assert_fault("not recorded", self.proxy.system.multicall, calls)
        self.assertEqual(self.proxy.system.multicall(calls[:1]), [["pong"]])
        self.mend()

    def test_requests_behind_a_refused_one_are_answered(self):
        self.break_disk()
        with self.server.connect() as connection:
            connection.send(PING + print_request("refused") + PING)
            self.assertEqual(connection.read().value(), "pong")
            self.assert_fault("not recorded", connection.read().value)
            self.assertEqual(connection.read().value(), "pong")
        self.mend()

    def test_what_was_refused_is_never_shown(self):
        self.break_disk()
        for i in range(5):
            self.assert_fault("not recorded", self.proxy.print, f"refused {i}")
        self.mend()
        self.proxy.print("after")
        self.server.wait_for_line(r'print conn\d+ 1 string "after" .*')
        self.assertEqual([line for line in self.server.lines() if "refused" in line], [])
        self.assertEqual(self.printed(), [["before"], ["after"]])
        self.server.stop()
        with self.server.again() as again, again.proxy() as proxy:
            self.assertEqual([event["data"] for event in read_events(proxy, "print")],
                             [["before"], ["after"]])

    def test_a_gap_tells_what_was_missed(self):
        """All that came and left is recorded, or counted."""
        began = time.time()
        self.break_disk()
        for i in range(3):
            self.assert_fault("not recorded", self.proxy.print, i)
        visitors = []
        for _ in range(4):
            with self.server.connect() as visitor:
                visitor.ask(PING)
                visitors.append(visitor.peer)
        wait_until(lambda: self.proxy.monitor.getStatus()["connections"]["open"] == 1,
                   "a visitor is still there")
        self.assert_fault("not recorded", self.proxy.print, 3)  # and so what was noted before it
        faults = 4 + self.mend()
        gap, = wait_until(lambda: read_events(self.proxy, "gap"), "no gap event")
        self.assertEqual(gap["source"], "server")
        self.assertEqual(gap["data"].keys(), {"missed", "faults", "since", "reason"})
        recorded = sum(event["data"]["peer"] in visitors  # the last of them, perhaps
                       for event in read_events(self.proxy, "connect", "disconnect"))
        self.assertEqual((gap["data"]["missed"] + recorded, gap["data"]["faults"]), (8, faults))
        self.assertGreater(gap["data"]["missed"], 0)
        self.assertTrue(began - 0.001 <= gap["data"]["since"] <= gap["time"])
        self.assertRegex(gap["data"]["reason"], "input/output error|I/O error")

    def test_a_waiter_sees_only_what_was_recorded(self):
        last = self.proxy.monitor.getStatus()["events"]["last"]
        with self.server.connect() as waiter:
            waiter.send(request(call_body("monitor.waitEvents", last, 10, 600, ["print"])))
            self.break_disk()
            self.assert_fault("not recorded", self.proxy.print, "refused")
            self.mend()
            self.proxy.print("after")
            event, = waiter.read().value()["events"]
            self.assertEqual(event["data"], ["after"])

    def test_the_log_has_a_line_for_the_failure_and_one_for_the_recovery(self):
        for count in (1, 2):
            self.break_disk()
            for i in range(5):
                self.assert_fault("not recorded", self.proxy.print, i)
            self.mend()
            wait_until(lambda: len(read_events(self.proxy, "gap")) == count, "no gap event")
        self.server.stop()
        said = self.server.stderr.all()
        self.assertEqual(len(said), 4, said)
        for i, line in enumerate(said):
            self.assertIn(RECORDING_FAILS[i % 2], line)


    def test_what_is_untold_at_the_end_is_in_the_log(self):
        self.break_disk()
        self.assert_fault("not recorded", self.proxy.print, "refused")
        self.server.expect_stderr = [*RECORDING_FAILS, "are not told in the journal"]
        self.server.stop()
        self.assertRegex(self.server.stderr.all()[-1], " 1 that were refused with a fault$")


class FullDisk(unittest.TestCase):
    def fill(self, proxy):
        """Records until that fails. The ids, and the text of the fault."""
        ids = []
        while True:
            try:
                ids.append(proxy.monitor.sendEvent("fill", "x" * 16000))
            except xmlrpc.client.Fault as fault:
                self.assertEqual(fault.faultCode, -32500)
                return ids, fault.faultString

    def test_a_full_disk_costs_only_what_is_told(self):
        """What was recorded, what was refused and what was missed are together all there was."""
        with small_disk("2M") as folder:
            filler, journal = os.path.join(folder, "filler"), os.path.join(folder, "journal.db")
            with open(filler, "wb") as file:
                file.write(bytes(1 << 20))
            with Server("--journal", journal, "--quiet", expect_stderr=RECORDING_FAILS) as server, \
                    server.proxy() as proxy:
                ids, reason = self.fill(proxy)
                self.assertGreater(len(ids), 10)
                self.assertIn("the disk is full", reason)
                self.assertEqual([event["id"] for event in read_events(proxy, "fill")], ids)
                for _ in range(200):  # some may still fit in, but not all
                    server.connect().close()
                more, _ = self.fill(proxy)
                self.assertEqual([event["id"] for event in read_events(proxy, "fill")], ids + more)
                os.remove(filler)
                self.recover(proxy, ids + more)
            for said in RECORDING_FAILS:
                self.assertTrue(any(said in line for line in server.stderr.all()), said)

    def recover(self, proxy, ids):
        refused = 2

        def is_well():
            nonlocal refused
            try:
                return proxy.monitor.sendEvent("well")
            except xmlrpc.client.Fault:
                refused += 1
                return None

        wait_until(is_well, "it does not recover")
        wait_until(lambda: [proxy.monitor.getStatus()["connections"][what]
                            for what in ("total", "open")] == [201, 1],
                   "not all have come and left")
        visits = 2 * 201 - 1
        wait_until(lambda: self.told(proxy, "missed") + len(
            read_events(proxy, "connect", "disconnect")) == visits,
            "some who came or left were neither recorded nor counted")
        self.assertGreater(self.told(proxy, "missed"), 0)
        self.assertEqual(self.told(proxy, "faults"), refused)
        self.assertEqual([event["id"] for event in read_events(proxy, "fill")], ids)

    @staticmethod
    def told(proxy, what):
        return sum(event["data"][what] for event in read_events(proxy, "gap"))


if __name__ == "__main__":
    unittest.main()
