"""Waiting for events: a wait ends with its time, with its client, and with its server."""
import socket
import struct
import threading
import time
import unittest

from lookout import PATIENCE, PING, Server, pages, request, wait_for_waiters, wait_until
from waiting import LONG, WaitingTest, wait


class TimeOut(WaitingTest):
    def test_after_the_time_an_empty_answer_comes_with_a_cursor(self):
        for timeout in (1, 0.3):
            with self.subTest(timeout=timeout):
                began = time.monotonic()
                answer = self.waiter.ask(wait(self.last, timeout=timeout)).value()
                self.assertGreaterEqual(time.monotonic() - began, timeout)
                self.assertEqual((answer["events"], answer["truncated"]), ([], False))
                number = self.send()
                self.waiter.send(wait(answer["next"]))
                self.assertEqual(self.ids(), [number])
                self.last = number

    def test_a_time_of_nothing_is_over_at_once(self):
        for timeout in (0, 0.0):
            with self.subTest(timeout=timeout):
                answer = self.waiter.ask(wait(self.last, timeout=timeout)).value()
                self.assertEqual(answer["events"], [])
        number = self.send()
        self.waiter.send(wait(self.last, timeout=0))
        self.assertEqual(self.ids(), [number])

    def test_times_that_are_none(self):
        for timeout in (-1, -0.001, 3600.001, 3601, 1e300, 2**31 - 1, "1", True):
            with self.subTest(timeout=timeout):
                self.assert_fault(-32602, "timeout|takes", self.proxy.monitor.waitEvents, "", 1,
                                  timeout)
        for text in (b"nan", b"inf", b"-inf", b"1e999"):
            with self.subTest(text=text):
                body = wait(self.last, timeout=1.5).replace(b"1.5", text)
                body = request(body.partition(b"\r\n\r\n")[2])
                self.assert_fault(-32600, "double", self.waiter.ask(body).value)

    def test_the_other_parameters_are_judged_as_those_of_readEvents(self):
        for params in (("x", 1, 0), ("", 0, 0), ("", 1001, 0), ("", 1, 0, [""]), ("", 1, 0, [1]),
                       ("", 1), ("", 1, 0, "x")):
            with self.subTest(params=params):
                self.assert_fault(-32602, ".", self.proxy.monitor.waitEvents, *params)

    def test_the_longest_wait_is_an_option(self):
        with Server("--max-wait", "60") as server, server.proxy() as proxy:
            for timeout in (60.001, 61):
                self.assert_fault(-32602, "60 seconds.*--max-wait", proxy.monitor.waitEvents,
                                  "", 1, timeout)
            self.assertEqual(len(proxy.monitor.waitEvents("", 1, 60)["events"]), 1)

    def test_within_a_multicall_there_is_no_waiting(self):
        number = self.send()
        calls = [{"methodName": "monitor.waitEvents", "params": [after, 10, LONG]}
                 for after in (number, self.last)]
        began = time.monotonic()
        (none,), (one,) = self.proxy.system.multicall(calls)
        self.assertLess(time.monotonic() - began, PATIENCE)
        self.assertEqual(none["events"], [])
        self.assertEqual([event["id"] for event in one["events"]], [number])


class Leaving(WaitingTest):
    def assert_gone(self):
        """What tells of the waiter is gone, and an event finds nobody."""
        wait_for_waiters(self.proxy, 0)
        wait_until(lambda: "waiting" not in [one["state"] for one in
                                             self.proxy.monitor.getConnections()],
                   "the connection is still there")
        wait_until(lambda: self.visits("disconnect", self.waiter), "no disconnect was recorded")
        self.send()
        self.assertEqual(self.proxy.monitor.ping(), "pong")

    def test_who_closes_is_gone_at_once(self):
        self.begin()
        self.waiter.close()
        self.assert_gone()

    def test_who_closes_its_side_is_gone_at_once(self):
        self.begin()
        self.waiter.socket.shutdown(socket.SHUT_WR)
        self.assertIsNone(self.waiter.read())
        self.assert_gone()

    def test_who_closes_its_side_with_the_request_is_gone_at_once(self):
        """On a connection that is watched already: the request and the end can come as one event."""
        for _ in range(20):
            with self.server.connect() as waiter:
                self.assertEqual(waiter.ask(PING).value(), "pong")
                self.server.wait_until_idle(waiter)
                waiter.send(wait(self.last))
                waiter.socket.shutdown(socket.SHUT_WR)
                self.assertIsNone(waiter.read())
        wait_for_waiters(self.proxy, 0)

    def test_who_resets_is_gone_at_once(self):
        self.begin()
        self.waiter.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
        self.waiter.close()
        self.assert_gone()

    def test_who_leaves_with_requests_unanswered_is_gone_at_once(self):
        self.begin()
        self.waiter.send(PING * 3)
        self.waiter.close()
        self.assert_gone()

    def test_many_who_leave_as_they_are_woken(self):
        for _ in range(5):
            waiters = [self.server.connect() for _ in range(40)]
            for waiter in waiters:
                waiter.send(wait(self.last))
            wait_for_waiters(self.proxy, len(waiters))
            leaving = threading.Thread(target=lambda: [waiter.close() for waiter in waiters])
            leaving.start()
            self.last = self.send()
            leaving.join()
            wait_until(lambda: self.proxy.monitor.getStatus()["connections"]["open"] == 2,
                       "a waiter that left is still there")
            wait_for_waiters(self.proxy, 0)


class Stopping(unittest.TestCase):
    def test_all_who_wait_are_answered_before_it_ends(self):
        with Server("--threads", "2", "--quiet") as server, server.proxy() as proxy:
            waiters = [server.connect() for _ in range(50)]
            last = proxy.monitor.sendEvent("last")
            for waiter in waiters:
                waiter.send(wait(last, "never"))
            wait_for_waiters(proxy, len(waiters))
            server.stop()
            for waiter in waiters:
                response = waiter.read()
                self.assertEqual((response.status, response.headers["connection"]), (200, "close"))
                answer = response.value()
                self.assertEqual((answer["events"], answer["truncated"]), ([], False))
                self.assertGreaterEqual(int(answer["next"]), int(last))
                self.assertIsNone(waiter.read())
                waiter.close()
        with server.again() as again, again.proxy() as proxy:
            proxy.monitor.sendEvent("end")  # by then the start is recorded
            types = [event["type"] for page in pages(proxy, answer["next"])
                     for event in page["events"]]
            self.assertEqual(types, ["server.stop", "server.start", "end"])


if __name__ == "__main__":
    unittest.main()
