"""What the interop tests share: a running server, its terminal, and plain ways to call it.

The environment says what is tested: LOOKOUT_SERVER and LOOKOUT_CLIENT are the programs,
LOOKOUT_SLOW multiplies every time allowed (sanitizers make programs slow).
"""
import atexit
import contextlib
import datetime
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import xmlrpc.client
import xmlrpc.server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER = os.path.abspath(os.environ.get("LOOKOUT_SERVER", "./server"))
CLIENT = os.path.abspath(os.environ.get("LOOKOUT_CLIENT", "./client"))
SLOW = float(os.environ.get("LOOKOUT_SLOW", "1"))
RELEASE = f"{os.sep}release{os.sep}" in SERVER  # as it is built for use
PATIENCE = 10 * SLOW  # seconds: for what comes at once unless something is broken
STOP_S = 6 * SLOW  # twice what is promised of a stop, which test/stop holds it to

# A sanitizer's report is on stderr, where nothing is expected; these make it one to learn from.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1:halt_on_error=0",
}

# Tests that run in the background, or under nohup, inherit what is ignored, and would pass it on.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# What a server says on stderr when it cannot record, and when it can again.
RECORDING_FAILS = ["events cannot be recorded: ", "events are recorded again: "]

# What the tests' servers record is in here, and gone with the tests.
STATE = tempfile.mkdtemp(prefix="lookout-test-")
atexit.register(shutil.rmtree, STATE, ignore_errors=True)
_journals = itertools.count(1)


def environment(**changes):
    """What programs are run in; a variable of None is not set."""
    variables = {**SANITIZERS, **os.environ, "XDG_STATE_HOME": STATE, **changes}
    return {name: value for name, value in variables.items() if value is not None}


def wait_until(condition, complaint):
    """Returns what the condition says as soon as that is true."""
    deadline = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        time.sleep(0.001)  # lets what is waited for have the processor


class Lines:
    """The lines of a pipe, read on a thread of their own as they come, unless held."""

    def __init__(self, pipe):
        self.hold = threading.Lock()  # as long as it is held, no more is read
        self._pipe = pipe
        self._lines = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._pipe:
            with self.hold, self._changed:
                self._lines.append(line.decode("utf-8", "surrogateescape").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def all(self):
        with self._changed:
            return list(self._lines)

    def wait_for(self, pattern, timeout, after=0):
        """The match of the first line, from number `after` on, that the pattern matches whole."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for line in self._lines[after:]:
                    match = re.fullmatch(pattern, line)
                    if match:
                        return match
                after = max(after, len(self._lines))
                left = deadline - time.monotonic()
                if self._ended or not self._changed.wait_for(
                        lambda: self._ended or len(self._lines) > after, max(left, 0)):
                    break
        raise AssertionError(f"no line like {pattern!r} within {timeout} s; there were:\n"
                             + "\n".join(self.all()))

    def join(self):
        self._thread.join(PATIENCE)
        self._pipe.close()


class Server:
    """A server on a free port. As a context it stops at the end, and asserts that all was well.

    It records in a journal of its own unless the options name one. `variables` are of its
    environment.
    """

    def __init__(self, *options, listen=("127.0.0.1:0",), expect_stderr=(), variables=(),
                 program=SERVER):
        if "--journal" not in options:
            options = ("--journal", os.path.join(STATE, f"{next(_journals)}.db"), *options)
        self.options, self.variables = options, dict(variables)
        self.journal = options[options.index("--journal") + 1]
        self.expect_stderr = list(expect_stderr)
        self._marks = itertools.count(1)
        command = [program]
        for address in listen:
            command += ["--listen", address]
        self.process = subprocess.Popen(
            [*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(**self.variables))
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)
        try:
            first = self.stdout.wait_for(r"listening on (http://(.+):(\d+)/RPC2)", PATIENCE)
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\nstderr:\n" + "\n".join(self.stderr.all())) from None
        self.url, self.host, self.port = first[1], first[2].strip("[]"), int(first[3])

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None:
            self.stop()
        else:
            self.kill()

    def again(self, *options):
        """This server once more, when it has ended: on the same port, with the same journal."""
        return Server(*self.options, *options, listen=(f"{self.host}:{self.port}",),
                      variables=self.variables)

    def kill(self):
        self.process.kill()
        self._collect()

    def _collect(self):
        self.process.wait(PATIENCE)
        self.stdout.join()
        self.stderr.join()

    def stop(self, sign=signal.SIGTERM):
        """Ends the server as a user does. It must end in time, with status 0 and no complaint."""
        self.process.send_signal(sign)
        self.await_end()

    def await_end(self):
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not end within {STOP_S} s") from None
        self._collect()
        complaints = [line for line in self.stderr.all()
                      if not any(re.search(pattern, line) for pattern in self.expect_stderr)]
        if complaints or self.process.returncode != 0:
            raise AssertionError(f"the server ended with status {self.process.returncode} and "
                                 "said on stderr:\n" + "\n".join(complaints))

    def lines(self):
        return self.stdout.all()

    def cpu_seconds(self):
        """What it has had of the processors so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def wait_for_line(self, pattern, timeout=PATIENCE, after=0):
        return self.stdout.wait_for(pattern, timeout, after)

    def printed_by(self, function, *arguments):
        """What the function returns, and what `print conn1 ` is followed by in lines shown of it.

        Marks around it are printed too: once a call has its answer its lines are on their way, in
        order, so the second mark comes after them.
        """
        start = self._mark()
        result = function(*arguments)
        end = self._mark()
        shown = (re.fullmatch(r"print conn\d+ (.*)", line) for line in self.lines()[start + 1:end])
        return result, [match[1] for match in shown if match]

    def _mark(self):
        """Prints a mark, and returns the number of its line."""
        text = f'"mark {next(self._marks)}"'
        with self.proxy() as proxy:
            proxy.print(text.strip('"'))
        self.wait_for_line(f"print conn[0-9]+ 1 string {text} .*")
        return next(i for i, line in enumerate(self.lines()) if text in line)

    def wait_until_runs(self, method, count=1):
        """Returns when so many connections are in a call of this method."""
        with self.proxy() as proxy:
            wait_until(lambda: [one["method"] for one in proxy.monitor.getConnections()]
                       .count(method) >= count, f"{method} is not running {count} times")

    def shown(self, connection):
        """What it shows of a connection."""
        with self.proxy() as proxy:
            return next(one for one in proxy.monitor.getConnections()
                        if one["peer"] == connection.peer)

    def wait_until_idle(self, connection):
        """Returns when the connection has been handed back after its answer."""
        wait_until(lambda: self.shown(connection)["state"] == "idle", "it does not become idle")

    def proxy(self, **options):
        return xmlrpc.client.ServerProxy(self.url, **options)

    def connect(self, timeout=PATIENCE):
        return Connection(self, timeout)


class LookoutTest(unittest.TestCase):
    """Tests that share one server, started with the class's `options`."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def assert_fault(self, code, text, function, *params):
        """The call must end in this fault, with a text that the pattern is found in."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            function(*params)
        self.assertEqual(caught.exception.faultCode, code, caught.exception.faultString)
        self.assertRegex(caught.exception.faultString, text)


class Response:
    def __init__(self, version, status, headers, body):
        self.version, self.status, self.headers, self.body = version, status, headers, body

    def is_whole(self):
        return len(self.body) == int(self.headers.get("content-length", 0))

    def value(self):
        """What the XML-RPC response says; raises its fault."""
        return xmlrpc.client.loads(self.body)[0][0]


def read_response(stream, without_content=False):
    """Reads one HTTP response from a binary stream, or None at its end."""
    start = stream.readline()
    if not start:
        return None
    version, status, _ = start.decode("ascii").split(" ", 2)
    headers = {}
    for line in iter(stream.readline, b"\r\n"):
        if not line:
            raise AssertionError("a response ended within its head")
        name, _, value = line.decode("ascii").partition(":")
        headers[name.lower()] = value.strip()
    body = b"" if without_content else stream.read(int(headers.get("content-length", 0)))
    return Response(version, int(status), headers, body)


class Connection:
    """A raw connection, for tests of the bytes themselves."""

    def __init__(self, server, timeout=PATIENCE):
        self.socket = socket.create_connection((server.host, server.port), timeout)
        self.stream = self.socket.makefile("rb")
        self.peer = "{}:{}".format(*self.socket.getsockname())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        return read_response(self.stream)

    def ask(self, data):
        self.send(data)
        return self.read()


def call_body(method, *params):
    """The XML of a call, in UTF-8."""
    return xmlrpc.client.dumps(params, method, encoding="utf-8", allow_none=True).encode("utf-8")


def request(body, *fields, version="1.1", target="/RPC2", verb="POST"):
    """An HTTP request with this body and these header fields besides those that are needed."""
    given = {field.partition(":")[0].lower() for field in fields}
    head = [f"{verb} {target} HTTP/{version}", *fields]
    for name, value in (("Host", "localhost"), ("Content-Type", "text/xml"),
                        ("Content-Length", len(body))):
        if name.lower() not in given and not (name == "Content-Length"
                                              and "transfer-encoding" in given):
            head.append(f"{name}: {value}")
    return "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + body


PING = request(call_body("monitor.ping"))


def pages(proxy, after="", limit=1000, *types):
    """The pages of monitor.readEvents, read on until there is no more."""
    while True:
        page = proxy.monitor.readEvents(after, limit, *([types] if types else []))
        yield page
        if not page["events"] and page["next"] == after:
            return
        after = page["next"]


def wait_for_waiters(proxy, count):
    """Returns when so many clients wait for an event, and no more."""
    wait_until(lambda: proxy.monitor.getStatus()["waiters"] == count,
               f"there are not {count} clients that wait")


def read_events(proxy, *types):
    """All events there are of these types; without any, all but those of who came and left."""
    return [event for page in pages(proxy, "", 1000, *types) for event in page["events"]]


# Values of every type of XML-RPC, as Python has them, for tests that send and compare them.
STOOGES = {"moe": 1, "larry": -2, "curly": 2147483647}


def calendar(day):
    """What validator1.nestedStructTest takes: three years, with `day` on the 1st of April 2000."""
    other = {"moe": 1000, "larry": 2000, "curly": 3000}
    years = {f"{year}": {f"{month:02}": {f"{date:02}": dict(other) for date in range(1, 29)}
                         for month in (3, 4, 5)} for year in (1999, 2000, 2001)}
    years["2000"]["04"]["01"] = day
    return years


def utc_in_local_time(*parts):
    local = datetime.datetime(*parts, tzinfo=datetime.timezone.utc).astimezone()
    return local.strftime("%A %Y-%m-%d %H:%M:%S %Z")


@contextlib.contextmanager
def stub_of(methods):
    """The address of a server that is not Lookout, and has these methods: functions by name."""
    stub = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False, allow_none=True)
    for name, function in methods.items():
        stub.register_function(function, name)
    thread = threading.Thread(target=stub.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{stub.server_address[1]}"
    finally:
        stub.shutdown()
        stub.server_close()
        thread.join(PATIENCE)


@contextlib.contextmanager
def small_disk(size, *options):
    """A folder on a file system of its own, of this size, with these options."""
    folder = tempfile.mkdtemp(dir=STATE)
    command = ["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", *options)), "none", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise unittest.SkipTest(f"a file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def run(*command, **options):
    """Runs a program to its end; its output as text."""
    options = {"timeout": 6 * PATIENCE, "env": environment(), **options}
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          encoding="utf-8", **options)
