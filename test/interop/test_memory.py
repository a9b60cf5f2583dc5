"""Memory that runs out under the server's and the client's own code, at each allocation they make.

The first allocation fails, then the second alone, and so on, until what is done needs no more of
them. Each time what a client is told is true, and the server goes on as if nothing had been.
"""
import contextlib
import itertools
import mmap
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import xmlrpc.client

from lookout import (CLIENT, PATIENCE, PING, SERVER, SLOW, STATE, STOOGES, Server, call_body,
                     environment, pages, read_events, request, run, wait_for_waiters, wait_until)

# The client that has test/allocator.c, as the tests' server has.
FAILING_CLIENT = os.path.join(os.path.dirname(SERVER), "client")

# What a server may say of it on stderr, while all goes on.
COMPLAINTS = ["events are recorded again: .* the server is out of memory",
              "events cannot be recorded: .*memory", "memory ran out", "out of memory"]

# What an answer says that is neither the right one nor silent about the reason.
REASON = "(?i)memory"

# What it says when the call had its effect all the same.
CARRIED_OUT = "was carried out"


class Allocator:
    """Which allocations of a program fail: see test/allocator.c."""

    MADE, FAILED, AT, FROM, EVERY = range(5)

    def __init__(self):
        handle, path = tempfile.mkstemp(dir=STATE)
        os.ftruncate(handle, mmap.PAGESIZE)
        self._words = memoryview(mmap.mmap(handle, mmap.PAGESIZE)).cast("q")
        os.close(handle)
        self.variables = {"LOOKOUT_TEST_ALLOCATOR": path}

    @property
    def failed(self):
        """How many allocations have."""
        return self._words[self.FAILED]

    def fail_at(self, number):
        """Lets the n-th allocation from now on fail, that one alone."""
        self._words[self.AT] = self._words[self.MADE] + number

    def fail_from(self, number):
        """Lets the n-th allocation from now on fail, and all after it."""
        self._words[self.FROM] = self._words[self.MADE] + number

    def fail_every(self, number):
        self._words[self.EVERY] = number

    def relent(self):
        self._words[self.AT] = self._words[self.FROM] = self._words[self.EVERY] = 0


class Outcome:
    """What became of one call."""

    def __init__(self, connection):
        self.value = self.code = self.text = None
        self.is_over = True  # the connection is
        with contextlib.suppress(ConnectionError):
            response = connection.read()
            if response is not None:
                self.is_over = response.headers.get("connection") == "close"
                self._take(response)

    def _take(self, response):
        if response.status != 200:
            self.code, self.text = response.status, response.body.decode()
            return
        try:
            self.value = response.value()
        except xmlrpc.client.Fault as fault:
            self.code, self.text = fault.faultCode, fault.faultString

    def is_nothing(self):
        return self.value is None and self.code is None

    def tells_of_memory(self):
        return self.code in (500, 503, -32603, -32500) and re.search("(?i)memory", self.text)

    def __repr__(self):
        return f"value {self.value!r}, code {self.code}, text {self.text!r}"


def is_value(value):
    return lambda outcome: outcome.value == value


def is_like(condition):
    return lambda outcome: outcome.value is not None and condition(outcome.value)


def is_code(code):
    return lambda outcome: outcome.code == code


def visits_told(proxy):
    """How many events of who came and left are recorded, or told to be missed."""
    return sum(event["data"]["missed"] if event["type"] == "gap" else 1
               for event in read_events(proxy, "connect", "disconnect", "gap"))


def visits_made(proxy):
    connections = proxy.monitor.getStatus()["connections"]
    return 2 * connections["total"] - connections["open"]


class MemoryTest(unittest.TestCase):
    options = ()

    def setUp(self):
        self.memory = Allocator()
        self.server = self.enterContext(Server(*self.options, variables=self.memory.variables,
                                               expect_stderr=COMPLAINTS))
        self.proxy = self.enterContext(self.server.proxy())
        self.proxy.monitor.sendEvent("start")
        self.descriptors = self.count_descriptors()
        self.marks = itertools.count(1)
        self.client = None
        self.addCleanup(self.leave)

    def leave(self):
        if self.client is not None:
            self.client.close()
        self.client = None

    def come(self):
        if self.client is None:
            self.client = self.server.connect()
            self.client.ask(PING)

    def count_descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def assert_unharmed(self):
        """Nobody waits any more, and no descriptor is left of those who went."""
        self.leave()
        wait_for_waiters(self.proxy, 0)
        wait_until(lambda: self.count_descriptors() == self.descriptors,
                   "descriptors are left open")

    def survive(self, act):
        """Does it with one allocation failing, until it needs no more of them."""
        for number in itertools.count(1):
            self.come()
            before = self.memory.failed
            self.memory.fail_at(number)
            try:
                act()
            except Exception as error:
                raise AssertionError(f"with allocation {number} failing: {error!r}") from error
            self.memory.relent()
            self.assertEqual(self.proxy.monitor.ping(), "pong")
            if self.memory.failed == before:
                break
        self.assertGreater(number, 1, "nothing was allocated at all")
        self.assert_unharmed()

    def outcome_of(self, *pieces):
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                self.client.send(piece)
        return self.outcome()

    def outcome(self):
        outcome = Outcome(self.client)
        if outcome.is_over:
            self.leave()
        return outcome

    def assert_told(self, outcome, is_right):
        """It is the right answer; or says what is the matter; or there is none."""
        if not is_right(outcome) and not outcome.is_nothing():
            self.assertTrue(outcome.tells_of_memory(), outcome)

    def assert_survives(self, is_right, *pieces):
        self.survive(lambda: self.assert_told(self.outcome_of(*pieces), is_right))

    def assert_call(self, is_right, method, *params):
        self.assert_survives(is_right, request(call_body(method, *params)))


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
                           (-32600, call_body("test.echo", 1).replace(b"1", b"one"))):
            with self.subTest(code=code, body=body):
                self.assert_survives(is_code(code), request(body))

    def test_what_is_no_call(self):
        def act():
            for code, sent in ((415, request(b"x", "Content-Type: text/plain")),
                               (405, request(b"", verb="GET")), (404, request(b"x", target="/x"))):
                self.client = self.client or self.server.connect()
                self.assert_told(self.outcome_of(sent), is_code(code))
        self.survive(act)

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
        self.survive(act)

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
        self.survive(act)
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
        """Its print, with one call before it and one after whose answers take memory, too."""
        def calls(mark):
            return ([{"methodName": "test.echo", "params": [0.5]},
                     {"methodName": "print", "params": [mark]},
                     {"methodName": "test.echo", "params": [2.5]}],)

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
        with self.server.connect() as sender:
            def act():
                self.memory.relent()
                last = self.proxy.monitor.sendEvent("before")
                self.client.send(request(call_body("monitor.waitEvents", last, 9, 60, ["mine"])))
                wait_for_waiters(self.proxy, 1)
                mark = next(self.marks)
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
    options = ("--sync", "off")  # what the disk does is not the matter here

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


@unittest.skipIf(SLOW > 4, "one thread starts all others: ThreadSanitizer has nothing to find")
class Starts(unittest.TestCase):
    """A start without memory fails, and says so; or all is well."""

    def setUp(self):
        self.memory = Allocator()

    def start(self, journal):
        """Starts, and ends what has started. True when it had."""
        command = [SERVER, "--listen", "127.0.0.1:0", "--journal", journal, "--allow-host", "here"]
        with subprocess.Popen(command, env=environment(**self.memory.variables),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            line = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=PATIENCE)
        if line:
            self.assertRegex(line, r"^listening on http://127\.0\.0\.1:\d+/RPC2$")
            self.assertEqual(process.returncode, 0, complaints)
        else:
            self.assertEqual(process.returncode, 1, complaints)
            self.assertRegex(complaints, r"^lookout: error: .*[Mm]emory.*")
            self.assertLessEqual(complaints.count("\n"), 2, complaints)
        return bool(line)

    def assert_starts_or_says_why(self, fail, place):
        for number in itertools.count(1):
            self.memory.relent()
            before = self.memory.failed
            fail(number)
            try:
                has_started = self.start(place(number))
            except Exception as error:
                raise AssertionError(f"at allocation {number}: {error}") from error
            if self.memory.failed == before:
                break
        self.assertTrue(has_started)
        self.assertGreater(number, 20)

    def test_one_allocation_fails(self):
        folder = tempfile.mkdtemp(dir=STATE)
        self.assert_starts_or_says_why(self.memory.fail_at,
                                       lambda number: f"{folder}/one/{number}.db")

    @unittest.skipIf(SLOW > 1, "differs from the others in little; a sanitizer takes its time")
    def test_one_allocation_fails_without_a_file(self):
        self.assert_starts_or_says_why(self.memory.fail_at, lambda number: ":memory:")

    @unittest.skipIf(SLOW > 1, "differs from the others in little; a sanitizer takes its time")
    def test_all_fail_from_one_on(self):
        folder = tempfile.mkdtemp(dir=STATE)
        self.assert_starts_or_says_why(self.memory.fail_from,
                                       lambda number: f"{folder}/all/{number}.db")


@unittest.skipIf(SLOW > 1, "hundreds of short runs, which a sanitizer makes long")
class Clients(unittest.TestCase):
    """The client's own memory: it does what it is asked, or says why not."""

    COMMANDS = (["ping"], ["print", "i/42", "d/0.5", "array/(i/1,struct/{a:s/b})", "h/00ff"],
                ["connections"], ["help", "print"], ["send", "mine", "s/x"],
                ["events", "--type", "mine"], ["call", "no.such"],
                ["--json", "call", "test.echo", "struct/{a:d/0.5,b:b/true}"])

    def test_each_command(self):
        memory = Allocator()
        self.first = 1
        with Server() as server:
            for words in self.COMMANDS:
                with self.subTest(command=words):
                    self.assert_does_it_or_says_why(memory, [f"{server.host}:{server.port}",
                                                             *words])

    def assert_does_it_or_says_why(self, memory, words):
        def look():
            done = run(FAILING_CLIENT, *words, env=environment(**memory.variables))
            complaint = done.stderr.partition("\n")[0]  # a hint may follow it, and may be missing
            shown = [re.sub("[0-9.]+", "0", text) for text in (done.stdout, complaint)]
            return done.returncode, *shown
        right = look()
        for number in itertools.count(self.first):
            before = memory.failed
            memory.fail_at(number)
            seen = look()
            memory.relent()
            if memory.failed == before:
                break
            if seen != right:
                self.assertIn(seen[0], (0, 1, 2, 3), (number, seen))
                self.assertRegex(seen[1] + seen[2], "(?i)memory", (number, seen))
            if "guards" in seen[2]:
                self.first = number  # before that all commands do the same
        self.assertGreater(number, self.first + 1)


if __name__ == "__main__":
    unittest.main()
