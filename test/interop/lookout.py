"""What the interop tests share: a running server, its terminal, and plain ways to call it.

The environment says what is tested: LOOKOUT_SERVER and LOOKOUT_CLIENT are the programs,
LOOKOUT_SLOW multiplies every time allowed (sanitizers make programs slow).
"""
import itertools
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
import xmlrpc.client

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER = os.path.abspath(os.environ.get("LOOKOUT_SERVER", "./server"))
CLIENT = os.path.abspath(os.environ.get("LOOKOUT_CLIENT", "./client"))
SLOW = float(os.environ.get("LOOKOUT_SLOW", "1"))
PATIENCE = 10 * SLOW  # seconds: for what comes at once unless something is broken

# A sanitizer's report is on stderr, where nothing is expected; these make it one to learn from.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1:halt_on_error=0",
}


def environment(**changes):
    return {**SANITIZERS, **os.environ, **changes}


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
                self._lines.append(line.decode("utf-8").rstrip("\n"))
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
    """A server on a free port. As a context it stops at the end, and asserts that all was well."""

    def __init__(self, *options, listen=("127.0.0.1:0",), expect_stderr=()):
        self.expect_stderr = list(expect_stderr)
        self._marks = itertools.count(1)
        command = [SERVER]
        for address in listen:
            command += ["--listen", address]
        self.process = subprocess.Popen(
            [*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment())
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
            self.process.wait(3 * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not end within {3 * SLOW} s") from None
        self._collect()
        complaints = [line for line in self.stderr.all()
                      if not any(re.search(pattern, line) for pattern in self.expect_stderr)]
        if complaints or self.process.returncode != 0:
            raise AssertionError(f"the server ended with status {self.process.returncode} and "
                                 "said on stderr:\n" + "\n".join(complaints))

    def lines(self):
        return self.stdout.all()

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
        deadline = time.monotonic() + PATIENCE
        with self.proxy() as proxy:
            while [one["method"] for one in proxy.monitor.getConnections()].count(method) < count:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{method} is not running {count} times")

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

    def value(self):
        """What the XML-RPC response says; raises its fault."""
        return xmlrpc.client.loads(self.body)[0][0]


def read_response(stream):
    """Reads one HTTP response from a binary stream, or None at its end."""
    start = stream.readline()
    if not start:
        return None
    version, status, _ = start.decode("ascii").split(" ", 2)
    headers = {}
    for line in iter(stream.readline, b"\r\n"):
        name, _, value = line.decode("ascii").partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Response(version, int(status), headers, body)


class Connection:
    """A raw connection, for tests of the bytes themselves."""

    def __init__(self, server, timeout=PATIENCE):
        self.socket = socket.create_connection((server.host, server.port), timeout)
        self.stream = self.socket.makefile("rb")

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

# Values of every type of XML-RPC, as Python has them, for tests that send and compare them.
STOOGES = {"moe": 1, "larry": -2, "curly": 2147483647}


def calendar(day):
    """What validator1.nestedStructTest takes: three years, with `day` on the 1st of April 2000."""
    other = {"moe": 1000, "larry": 2000, "curly": 3000}
    years = {f"{year}": {f"{month:02}": {f"{date:02}": dict(other) for date in range(1, 29)}
                         for month in (3, 4, 5)} for year in (1999, 2000, 2001)}
    years["2000"]["04"]["01"] = day
    return years


def run(*command, **options):
    """Runs a program to its end; its output as text."""
    options.setdefault("timeout", 6 * PATIENCE)
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          encoding="utf-8", env=environment(), **options)
