"""Memory that runs out under the server's own code, at each allocation it makes.

The first allocation fails, then the second alone, and so on, until what is done needs no more of
them. Each time what a client is told is true, and the server goes on as if nothing had been.
"""
import contextlib
import itertools
import socket
import threading
import time
import unittest
import xmlrpc.client

from lookout import (PING, SLOW, STOOGES, call_body, pages, read_events, request, wait_for_waiters,
                     wait_until)
from memory import (CARRIED_OUT, MemoryTest, Outcome, is_code, is_like, is_value, visits_made,
                    visits_told)


@unittest.skipIf(SLOW > 4, "one call at a time: ThreadSanitizer has nothing to find")
class Calls(MemoryTest):
    """Calls that record nothing, and what is no call at all."""

    options = ("--validator",)

    def test_ping(self):
        self.assert_survives(is_value("pong"), PING)

    def test_values(self):
        values = [STOOGES, 1.5, "\U0001f600", [[-1]], xmlrpc.client.Binary(b"\0\1")]
        self.assert_call(is_value(values), "test.echo", values)

    def test_a_deep_value(self):
        value = "x"
        for _ in range(30):
            value = [value]
        self.assert_call(is_value(value), "test.echo", value)

    def test_a_large_value(self):
        value = "x" * 400_000
        self.assert_call(is_value(value), "test.echo", value)

    def test_a_large_answer_to_who_reads_late(self):
        """Most of it has to be kept until it is read."""
        value = "x" * 400_000

        def act():
            self.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            self.assert_told(self.outcome_of(request(call_body("test.echo", value))),
                             is_value(value))
            self.leave()
        self.survive(act)

    def test_status(self):
        self.assert_call(is_like(lambda status: status["pid"] == self.server.process.pid),
                         "monitor.getStatus")

    def test_connections(self):
        self.assert_call(is_like(lambda shown: self.client.peer in [c["peer"] for c in shown]),
                         "monitor.getConnections")

    def test_statistics(self):
        self.assert_call(is_like(lambda shown: "monitor.ping" in [m["method"] for m in shown]),
                         "monitor.getMethodStats")

    def test_introspection(self):
        for method, params in (("listMethods", ()), ("getCapabilities", ()),
                               ("methodHelp", ("print",)),
                               ("methodSignature", ("monitor.waitEvents",))):
            with self.subTest(method=method):
                right = getattr(self.proxy.system, method)(*params)
                self.assert_call(is_value(right), f"system.{method}", *params)

    def test_a_multicall(self):
        """What is the matter with one of its calls is told in that one's place."""
        calls = [{"methodName": "test.echo", "params": [0.5]},
                 {"methodName": "no.such", "params": []}]

        def is_right(answers):
            first, second = answers
            return ((first == [0.5] or "memory" in first["faultString"])
                    and second["faultCode"] == -32601)
        self.assert_call(is_like(is_right), "system.multicall", calls)

    def test_the_validation_suite(self):
        words = ["first"] + ["x"] * 8 + ["last"]
        self.assert_call(is_value("firstlast"), "validator1.moderateSizeArrayCheck", words)

    def test_an_example(self):
        self.assert_call(is_value("Hello, Ada!"), "greet", "Ada")

    def test_mistakes(self):
        """Whose texts are made of what was sent."""
        for code, body in ((-32601, call_body("no.such.method")),
                           (-32602, call_body("monitor.ping", 1, [2])),
                           (-32700, b"<methodCall>"),
                           (-32600, b"<nothing/>"),
                           (-32600, call_body("test.echo", 1).replace(b">1<", b">one<"))):
            with self.subTest(code=code, body=body):
                self.assert_survives(is_code(code), request(body))

    def test_what_is_no_call(self):
        def act():
            for code, sent in ((415, request(b"x", "Content-Type: text/plain")),
                               (405, request(b"", verb="GET")), (404, request(b"x", target="/x"))):
                self.client = self.client or self.server.connect()
                self.assert_told(self.outcome_of(sent), is_code(code))
        self.survive(act, may_be_silent=True)

    def test_a_body_in_chunks(self):
        body = call_body("monitor.ping")
        head = request(b"", "Transfer-Encoding: chunked")
        self.assert_survives(is_value("pong"), head, b"%x\r\n%b\r\n" % (len(body), body),
                             b"0\r\n\r\n")

    def test_a_head_without_its_body_yet(self):
        """It is kept until the body comes, which the client does not send before it is told to."""
        head, end, body = request(call_body("monitor.ping"), "Expect: 100-continue").partition(
            b"\r\n\r\n")

        def act():
            first = self.outcome_of(head + end)
            if first.code == 100:
                self.assert_told(self.outcome_of(body), is_value("pong"))
            else:
                self.assert_told(first, is_code(100))
        self.survive(act, may_be_silent=True)

    def test_requests_behind_one_another(self):
        count = 50

        def act():
            with contextlib.suppress(ConnectionError):
                self.client.send(PING * count)
            for _ in range(count):
                outcome = self.outcome()
                self.assert_told(outcome, is_value("pong"))
                if outcome.is_over:
                    break
        self.survive(act)

    def test_who_comes_new(self):
        """Those who came and left are in the journal, or counted as missed."""
        def act():
            self.leave()
            with contextlib.suppress(ConnectionError):
                self.client = self.server.connect()
                self.assert_told(self.outcome_of(PING), is_value("pong"))
            self.leave()
        self.survive(act, may_be_silent=True)
        wait_until(lambda: visits_told(self.proxy) == visits_made(self.proxy),
                   "who came and left is neither recorded nor told to be missed")


@unittest.skipIf(SLOW > 4, "one call at a time: ThreadSanitizer has nothing to find")
class Events(MemoryTest):
    """Calls whose answer is a promise: who got one is not lied to."""

    def setUp(self):
        super().setUp()
        self.cursor = ""

    def recorded(self):
        """The data of what was recorded since it was last asked, once all is."""
        self.proxy.monitor.sendEvent("sync")
        events = []
        for page in pages(self.proxy, self.cursor, 1000):
            events += page["events"]
            self.cursor = page["next"]
        return [event["data"] for event in events]

    def assert_kept(self, is_right, method, make_params, is_of):
        """What a call that recorded says is what became of its event, which has `is_of`'s data."""
        def act():
            mark = f"mark {next(self.marks)}"
            outcome = self.outcome_of(request(call_body(method, *make_params(mark))))
            self.memory.relent()
            self.assert_told(outcome, is_right)
            if not outcome.is_nothing():
                is_promised = outcome.value is not None or CARRIED_OUT in outcome.text
                is_recorded = any(is_of(data, mark) for data in self.recorded())
                self.assertEqual(is_recorded, is_promised, outcome)
        self.survive(act)

    def test_print(self):
        self.assert_kept(is_value(3), "print", lambda mark: (mark, STOOGES, [0.5, b"\0"]),
                         lambda data, mark: mark in data)

    def test_a_long_print(self):
        """Longer than what a thread keeps of its buffers, with more lines than are shown."""
        self.assert_kept(is_value(201), "print", lambda mark: (mark, *["x" * 1000] * 200),
                         lambda data, mark: mark in data)

    def test_send_event(self):
        self.assert_kept(is_like(str.isdigit), "monitor.sendEvent",
                         lambda mark: ("mine", [mark, 1.5]),
                         lambda data, mark: data == [mark, 1.5])

    def test_a_multicall(self):
        """Its print, with calls around it whose answers take memory: more than a thread keeps."""
        def calls(mark):
            return ([{"methodName": "test.echo", "params": [0.5]},
                     {"methodName": "print", "params": [mark]},
                     {"methodName": "test.echo", "params": ["x" * 300_000]}],)

        def act():
            mark = f"mark {next(self.marks)}"
            outcome = self.outcome_of(request(call_body("system.multicall", *calls(mark))))
            self.memory.relent()
            self.assert_told(outcome, is_like(lambda answers: len(answers) == 3))
            is_recorded = [mark] in self.recorded()
            if outcome.value is not None:
                self.assertEqual(is_recorded, outcome.value[1] == [1], outcome)
            elif not outcome.is_nothing():
                self.assertEqual(is_recorded, CARRIED_OUT in outcome.text, outcome)
        self.survive(act)

    def test_read_events(self):
        for number in range(20):
            self.proxy.monitor.sendEvent("mine", number)
        self.assert_call(
            is_like(lambda page: [event["data"] for event in page["events"]] == list(range(20))),
            "monitor.readEvents", "", 100, ["mine"])

    def test_wait_events_that_are_there(self):
        last = self.proxy.monitor.sendEvent("mine", 1.5)
        self.assert_call(is_like(lambda page: page["next"] == last), "monitor.waitEvents", "", 9,
                         60, ["mine"])

    def test_wait_events_in_vain(self):
        self.assert_call(is_like(lambda page: page["events"] == []), "monitor.waitEvents", "", 9,
                         0.01, ["other"])

    def test_who_waits_is_woken(self):
        """The sender's allocations fail, and the waiter's when it is woken."""
        def act():
            self.memory.relent()
            last = self.proxy.monitor.sendEvent("before")
            self.client.send(request(call_body("monitor.waitEvents", last, 9, 60, ["mine"])))
            wait_for_waiters(self.proxy, 1)
            mark = next(self.marks)
            with self.server.connect() as sender:  # which a failure may cost its connection
                sender.ask(PING)
                self.memory.fail_at(mark)  # one after the other
                sender.send(request(call_body("monitor.sendEvent", "mine", mark)))
                sent = Outcome(sender)
            self.assert_told(sent, is_like(str.isdigit))
            self.memory.relent()
            if sent.value is None:
                self.proxy.monitor.sendEvent("mine", mark)
            self.assert_told(self.outcome(), is_like(
                lambda page: [event["data"] for event in page["events"]] == [mark]))
        self.survive(act)


@unittest.skipIf(SLOW > 4, "one call at a time: ThreadSanitizer has nothing to find")
class OldEvents(MemoryTest):
    """What is no longer in memory, and is read from the journal."""

    options = ("--recent", "64K")

    def test_read_old_events(self):
        for number in range(20):
            self.proxy.monitor.sendEvent("mine", [number, "x" * 10_000])
        self.assert_call(
            is_like(lambda page: [event["data"][0] for event in page["events"]] == [0, 1, 2]),
            "monitor.readEvents", "", 3, ["mine"])


class Load(MemoryTest):
    """Many clients at once, of whom many are told that there is no memory."""

    SECONDS = 2

    def setUp(self):
        super().setUp()
        self.acknowledged, self.problems = [], []

    def make_calls(self, number):
        """One client: it comes, calls and leaves, again and again."""
        deadline = time.monotonic() + self.SECONDS
        for turn in itertools.count():
            if time.monotonic() > deadline:
                break
            with contextlib.suppress(ConnectionError), self.server.connect() as connection:
                mark = f"{number} {turn}"
                calls = [(call_body("monitor.sendEvent", "mine", mark), is_like(str.isdigit)),
                         (call_body("monitor.getStatus"), is_like(lambda status: status["pid"])),
                         (call_body("test.echo", [STOOGES] * 20), is_value([STOOGES] * 20)),
                         (call_body("monitor.waitEvents", "", 5, 5, ["mine"]),
                          is_like(lambda page: page["next"]))]
                for call, is_right in calls:
                    connection.send(request(call))
                    outcome = Outcome(connection)
                    self.assert_told(outcome, is_right)
                    if call is calls[0][0] and outcome.value is not None:
                        self.acknowledged.append(mark)
                    if outcome.is_over:
                        break

    def run_client(self, number):
        try:
            self.make_calls(number)
        except Exception as error:  # to be raised by the test, not by a thread
            self.problems.append(error)

    def test_every_so_manieth_fails(self):
        for every in (101, 7):
            self.memory.fail_every(every)
            clients = [threading.Thread(target=self.run_client, args=(f"{every} {i}",))
                       for i in range(6)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            self.memory.relent()
            self.assertEqual(self.problems, [])
            self.assert_unharmed()
        self.assertGreater(self.memory.failed, 100)
        self.assertGreater(len(self.acknowledged), 10)
        recorded = [event["data"] for event in read_events(self.proxy, "mine")]
        self.assertEqual(set(self.acknowledged) - set(recorded), set())
        self.assertEqual(len(recorded), len(set(recorded)))
        wait_until(lambda: visits_told(self.proxy) == visits_made(self.proxy),
                   "who came and left is neither recorded nor told to be missed")

    def test_all_fail_for_a_while(self):
        """More clients come than there are slots for; some are there, and one waits."""
        waiter = self.enterContext(self.server.connect())
        waiter.send(request(call_body("monitor.waitEvents", self.last(), 9, 60, ["after"])))
        wait_for_waiters(self.proxy, 1)
        stays = self.enterContext(self.server.connect())
        stays.ask(PING)
        self.memory.fail_from(1)
        with contextlib.ExitStack() as stack:
            for client in [stack.enter_context(self.server.connect()) for _ in range(400)]:
                with contextlib.suppress(ConnectionError):
                    client.send(PING)
                self.assert_told(Outcome(client), is_value("pong"))
        stays.send(request(call_body("monitor.sendEvent", "mine", 1)))
        self.assert_told(Outcome(stays), is_like(str.isdigit))
        self.memory.relent()
        self.proxy.monitor.sendEvent("after", "all")
        self.assertEqual(Outcome(waiter).value["events"][0]["data"], "all")
        waiter.close()
        wait_until(lambda: visits_told(self.proxy) == visits_made(self.proxy),
                   "who came and left is neither recorded nor told to be missed")

    def last(self):
        return self.proxy.monitor.getStatus()["events"]["last"]


if __name__ == "__main__":
    unittest.main()
