"""Kills a server under load, again and again, and holds what it kept against what it promised.

All rounds share one journal. A round starts the server, reads through it what the round before has
left, lets writers write as fast as they can, kills the server with SIGKILL at a random moment, and
looks into a copy of the journal. Used by test/crash and by test_crash.py.
"""
import dataclasses
import itertools
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import threading
import time

from lookout import PATIENCE, PING, SERVER, Server, call_body, environment, request

WRITERS = 16
MOMENT_S = (0.010, 0.400)  # after the writers began: when the server is killed
FALSE_START_S = (0.0, 0.030)  # after a start: when it is killed although it serves nobody yet

# In the order of the rounds. Killing the process, and not the machine, may cost nothing in any.
MODES = ("full", "normal", "full", "off")
PRUNING_EVERY, FALSE_START_EVERY = 10, 5  # rounds; the first of each is their middle
KEEP_FEW, KEEP_ALL = 1, 10_000_000

TYPE = "crash.test"
TOKEN = "{:05}.{:02}.{:07}"  # round, writer, number: of one width, so a request's length is fixed
PLACE = TOKEN.format(0, 0, 0)

# What a method says when it has recorded one token, with the id in parentheses if it tells it.
ANSWERS = {"print": rb"<i4>1</i4>()", "monitor.sendEvent": rb"<string>(\d+)</string>"}
PARAMS = {"print": [PLACE], "monitor.sendEvent": [TYPE, PLACE]}


def require(condition, complaint):
    if not condition:
        raise AssertionError(complaint)


class Call:
    """A request that records one token with each of some methods, and how to read its answer."""

    def __init__(self, *methods):
        self.count = len(methods)
        if self.count == 1:
            body = call_body(methods[0], *PARAMS[methods[0]])
        else:
            body = call_body("system.multicall", [
                {"methodName": method, "params": PARAMS[method]} for method in methods])
        self._request = request(body)
        self._answer = re.compile(rb".*?".join(ANSWERS[method] for method in methods), re.DOTALL)

    def request(self, tokens):
        whole = self._request
        for token in tokens:
            whole = whole.replace(PLACE.encode(), token.encode(), 1)
        return whole

    def ids(self, response):
        """The id given to each token, None where the method does not tell it."""
        match = self._answer.search(response)
        require(match and b"<fault>" not in response and b"faultCode" not in response,
                f"not an acknowledgement: {response}")
        return [int(digits) if digits else None for digits in match.groups()]


CALLS = (Call("print"), Call("monitor.sendEvent"),
         Call("monitor.sendEvent", "print", "monitor.sendEvent"))


def receive(connection):
    """The body of the one response that is due; None when it was cut off."""
    data = b""
    while True:
        received = connection.recv(65536)
        if not received:
            return None
        data += received
        head, is_whole, body = data.partition(b"\r\n\r\n")
        if is_whole:
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
            if len(body) >= length:
                return body


class Writer(threading.Thread):
    """Writes over one connection until the server is gone; what was sent, and what acknowledged."""

    def __init__(self, server, round_number, number, killed):
        super().__init__(daemon=True)
        self._calls = itertools.cycle(CALLS)
        self._connection = socket.create_connection((server.host, server.port), PATIENCE)
        self._names = (round_number, number)
        self._killed = killed
        self.sent = []
        self.acknowledged = []  # (token, id or None), in the order of the calls
        self.failure = None

    def run(self):
        try:
            with self._connection:
                while self._write(next(self._calls)):
                    pass
            require(self._killed.is_set(), "a living server has closed a writer's connection")
        except AssertionError as failure:
            self.failure = failure

    def _write(self, call):
        """False when there was no answer."""
        first = len(self.sent)
        tokens = [TOKEN.format(*self._names, first + i) for i in range(call.count)]
        self.sent += tokens
        try:
            self._connection.sendall(call.request(tokens))
            response = receive(self._connection)
        except OSError as error:
            require(self._killed.is_set(), f"a writer has lost its living server: {error}")
            return False
        if response is None:
            return False
        self.acknowledged += zip(tokens, call.ids(response))
        return True


@dataclasses.dataclass(frozen=True)
class Event:
    id: int
    token: str  # "" for an event of the server's own


def token_of(kind, data):
    """The token in an event's XML."""
    if kind not in ("print", TYPE):
        return ""
    return re.search(r"<string>(.*?)</string>", data)[1]


def events_in(journal):
    """The events that a journal's file holds, all but those of who came and left."""
    database = sqlite3.connect(journal)
    try:
        state = database.execute("PRAGMA integrity_check").fetchall()
        require(state == [("ok",)], f"integrity_check: {state}")
        rows = database.execute("SELECT id, type, data FROM journal WHERE type NOT IN "
                                "('connect', 'disconnect') ORDER BY id").fetchall()
    finally:
        database.close()
    return [Event(number, token_of(kind, data)) for number, kind, data in rows]


class Promises:
    """All that is known of ids and tokens, of all rounds."""

    def __init__(self):
        self.kept = []  # events, as they were last found in the journal
        self.top = 0  # the highest id that anybody has ever seen
        self._owner = {}  # the token that an id was given to
        self._id = {}  # the id that a token was given
        self._sent = set()

    def learn(self, writers):
        """Takes note of what the writers of a round were told: ids above all of earlier rounds."""
        before = self.top
        for writer in writers:
            self._sent.update(writer.sent)
            for token, number in writer.acknowledged:
                if number is not None:
                    require(number > before,
                            f"{token} was given the id {number}, not above {before} of before")
                    self._bind(Event(number, token))

    def _bind(self, event):
        owner = self._owner.setdefault(event.id, event.token)
        require(owner == event.token,
                f"the id {event.id} was given twice: to {owner!r} and to {event.token!r}")
        if event.token:
            number = self._id.setdefault(event.token, event.id)
            require(number == event.id, f"{event.token} is there as {event.id} and as {number}")
            require(event.token in self._sent, f"nobody has sent {event.token}")
        self.top = max(self.top, event.id)

    def check(self, found, writers, pruned):
        """Holds what is in the journal now against what was promised."""
        ids = [event.id for event in found]
        require(ids == sorted(set(ids)), "ids do not ascend")
        for event in found:
            self._bind(event)
        self._check_earlier(found, pruned)
        tokens = {event.token for event in found}
        for writer in writers:
            # Each call came after the answer to the one before: pruning takes them in this order.
            are_there = [token in tokens for token, _ in writer.acknowledged]
            require(are_there == sorted(are_there) if pruned else all(are_there),
                    "acknowledged, and lost: " + ", ".join(
                        f"{token} (id {number})" for token, number in writer.acknowledged
                        if token not in tokens))
        require(found or not self.kept, "nothing was kept")
        self.kept = found

    def pruned_after(self, cursor):
        """Whether events after the cursor are known to be pruned, and whether some may be."""
        first = self.kept[0].id if self.kept else 0
        return any(cursor < number < first for number in self._owner), first > cursor + 1

    def _check_earlier(self, found, pruned):
        """What was kept is kept, but for the oldest if there was pruning; nothing comes later."""
        last = self.kept[-1].id if self.kept else 0
        earlier = [event for event in found if event.id <= last]
        expected = self.kept[len(self.kept) - len(earlier):] if pruned else self.kept
        require(earlier == expected, "events of earlier rounds have changed")


@dataclasses.dataclass(frozen=True)
class Round:
    """What became of one round, for a report."""
    number: int
    mode: str
    pruned: bool
    ready_s: float  # from the start of the process to the answer to a ping
    sent: int
    acknowledged: int


class Ordeal:
    """The rounds. `folder` gets the journal, and is the caller's to remove."""

    def __init__(self, folder, seed):
        self.journal = os.path.join(folder, "journal.db")
        self._copy = os.path.join(folder, "copy")
        self._random = random.Random(seed)
        self._promises = Promises()
        self._read_up_to = 0  # the cursor, as a consumer would have kept it

    def round(self, number):
        mode = MODES[number % len(MODES)]
        pruned = number % PRUNING_EVERY == PRUNING_EVERY // 2
        if number % FALSE_START_EVERY == FALSE_START_EVERY // 2:
            self._start_in_vain()
        began = time.monotonic()
        server = Server(*self._options(mode, KEEP_FEW if pruned else KEEP_ALL))
        try:
            with server.connect() as connection:
                require(connection.ask(PING).value() == "pong", "no pong")
            ready_s = time.monotonic() - began
            self._read_through(server, pruned)
            writers = self._write_and_kill(server, number)
        finally:
            server.kill()
        require(not server.stderr.all(), "\n".join(server.stderr.all()))
        self._promises.learn(writers)
        self._promises.check(self._look_into_journal(), writers, pruned)
        return Round(number, mode, pruned, ready_s, sum(len(writer.sent) for writer in writers),
                     sum(len(writer.acknowledged) for writer in writers))

    def finish(self):
        """Reads all that is there from the start, and ends the server as a user does."""
        with Server(*self._options("full", KEEP_ALL)) as server:
            self._read_up_to = 0
            self._read_through(server, pruned=False)
        self._promises.check(self._look_into_journal(), [], pruned=False)

    def _options(self, mode, keep_events):
        return ("--journal", self.journal, "--sync", mode, "--quiet",
                "--keep-events", str(keep_events))

    def _start_in_vain(self):
        """Kills a server while it opens the journal."""
        command = [SERVER, "--listen", "127.0.0.1:0", *self._options("full", KEEP_ALL)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   env=environment())
        time.sleep(self._random.uniform(*FALSE_START_S))
        process.kill()
        process.wait()
        # It may have recorded its start.
        self._promises.check(self._look_into_journal(), [], pruned=False)

    def _write_and_kill(self, server, number):
        killed = threading.Event()
        writers = [Writer(server, number, i, killed) for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(self._random.uniform(*MOMENT_S))
        killed.set()
        server.process.kill()
        for writer in writers:
            writer.join(PATIENCE)
            require(not writer.is_alive(), "a writer still waits for a server that is dead")
            if writer.failure:
                raise writer.failure
        return writers

    def _look_into_journal(self):
        """The events in a copy of the journal: to look into it changes it."""
        shutil.rmtree(self._copy, ignore_errors=True)
        os.mkdir(self._copy)
        for suffix in ("", "-wal"):
            if os.path.exists(self.journal + suffix):
                shutil.copy(self.journal + suffix, os.path.join(self._copy, "journal.db" + suffix))
        return events_in(os.path.join(self._copy, "journal.db"))

    def _read_through(self, server, pruned):
        """Pages through what is new since the last time: exactly what the journal's file holds."""
        limit = self._random.choice((100, 1000))
        after = self._read_up_to
        must_tell, may_tell = self._promises.pruned_after(after)
        with server.proxy() as proxy:
            while True:
                page = proxy.monitor.readEvents(str(after), limit)
                require(pruned or must_tell <= page["truncated"] <= may_tell,
                        f"truncated was {page['truncated']} after the cursor {after}")
                up_to = int(page["next"])
                self._check_page(page, after, up_to, limit, pruned)
                if not page["events"] and up_to == after:
                    break
                require(up_to > after, "a cursor that does not move on")
                after = up_to
                must_tell = may_tell = False
        self._read_up_to = after

    def _check_page(self, page, after, up_to, limit, pruned):
        """Each event once, and in order. What was pruned while we read is missed, but not silently."""
        found = [self._event(event) for event in page["events"]]
        require(len(found) <= limit, "a page with more events than its limit")
        found = [event for event in found if event.id <= self._promises.top]  # of earlier runs
        due = [event for event in self._promises.kept if after < event.id <= up_to]
        if pruned and page["truncated"]:
            due = due[len(due) - len(found):]
        require(found == due, f"readEvents({after}, {limit}) gave {len(found)} events, and not "
                f"the {len(due)} in the file up to {up_to}")

    @staticmethod
    def _event(event):
        """An event as readEvents has it."""
        data = event["data"]
        token = data[0] if event["type"] == "print" else data if event["type"] == TYPE else ""
        return Event(int(event["id"]), token)
