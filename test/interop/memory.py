"""Lets memory run out under a program at each of its allocations; what it says is to be true."""
import contextlib
import itertools
import mmap
import os
import re
import tempfile
import unittest
import xmlrpc.client

from lookout import (PING, STATE, Server, call_body, read_events, request, wait_for_waiters,
                     wait_until)

# What a server may say of it on stderr, while all goes on.
COMPLAINTS = ["events are recorded again: .* the server is out of memory",
              "events cannot be recorded: .*memory", "memory ran out", "out of memory"]

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
            if response is not None and response.is_whole():
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
        # How long the disk takes is not the matter here.
        self.server = self.enterContext(Server("--sync", "off", *self.options,
                                               variables=self.memory.variables,
                                               expect_stderr=COMPLAINTS))
        self.proxy = self.enterContext(self.server.proxy())
        self.proxy.monitor.sendEvent("start")
        self.descriptors = self.count_descriptors()
        self.marks = itertools.count(1)
        self.told = 0  # how many outcomes said that memory ran out
        self.client = None
        self.addCleanup(self.leave)

    def leave(self):
        if self.client is not None:
            self.client.close()
        self.client = None

    def come(self):
        """A connection may be gone behind an answer that kept it, as memory ran out then."""
        with contextlib.suppress(ConnectionError):
            if self.client is not None and self.client.ask(PING) is not None:
                return
        self.leave()
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

    def survive(self, act, may_be_silent=False):
        """Does it with one allocation failing, until it needs no more of them.

        Somebody must be told, unless all that is allocated is what the answer itself needs.
        """
        self.told = 0
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
        self.assertTrue(self.told > 0 or may_be_silent, "nobody was told that memory ran out")
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
            self.told += 1

    def assert_survives(self, is_right, *pieces):
        self.survive(lambda: self.assert_told(self.outcome_of(*pieces), is_right))

    def assert_call(self, is_right, method, *params):
        self.assert_survives(is_right, request(call_body(method, *params)))
