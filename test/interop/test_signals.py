"""Signals that must do no harm, and a server that is started, or left, without its terminal."""
import contextlib
import ctypes
import fcntl
import itertools
import os
import pty
import signal
import subprocess
import tempfile
import termios
import threading
import time
import unittest
import xmlrpc.client

from lookout import (CLIENT, PATIENCE, PING, SERVER, SLOW, STATE, STOOGES, Server, call_body,
                     environment, read_events, request, run, small_disk, wait_until)

LIBC = ctypes.CDLL(None)


class Storm(unittest.TestCase):
    """Signals come into every system call of a loaded server, which answers as ever."""

    def setUp(self):
        self.server = self.enterContext(Server("--sync", "off"))
        self.proxy = self.enterContext(self.server.proxy())
        self.ends = threading.Event()
        self.sent, self.problems = [], []

    def call(self, number):
        """One client: calls on connections that stay, and such of one call each."""
        try:
            with self.server.proxy() as proxy:
                last = proxy.monitor.sendEvent("start")
                while not self.ends.is_set():
                    with self.server.proxy() as short:
                        assert short.test.echo(STOOGES) == STOOGES
                    mark = f"{number} {len(self.sent)}"
                    proxy.monitor.sendEvent("mine", mark)
                    self.sent.append(mark)
                    proxy.print(mark)
                    last = proxy.monitor.waitEvents(last, 10, 5)["next"]
        except Exception as error:  # to be raised by the test, not by a thread
            self.problems.append(error)

    def send(self, *signals):
        """Sends the signals to each thread: one to the process would go to the same one each time.

        A millisecond lets the clients and the server go on a bit: how far they come is awaited.
        """
        deadline = time.monotonic() + PATIENCE
        process = self.server.process
        while len(self.sent) < 50 and not self.problems and time.monotonic() < deadline:
            for task in os.listdir(f"/proc/{process.pid}/task"):
                for number in signals:
                    LIBC.tgkill(process.pid, int(task), number)
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGCONT)

    def assert_weathers(self, *signals):
        clients = [threading.Thread(target=self.call, args=(number,)) for number in range(3)]
        for client in clients:
            client.start()
        self.send(*signals)
        self.ends.set()
        for client in clients:
            client.join()
        self.assertEqual(self.problems, [])
        self.assertGreaterEqual(len(self.sent), 50)
        recorded = [event["data"] for event in read_events(self.proxy, "mine")]
        self.assertEqual(sorted(recorded), sorted(self.sent))

    def test_what_a_terminal_or_a_child_sends(self):
        self.assert_weathers(signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG, signal.SIGCONT)

    def test_what_is_seen_by_write(self):
        self.assert_weathers(signal.SIGPIPE, signal.SIGXFSZ)

    def test_stops_and_continuations(self):
        """Which end what waits in epoll and poll, although nobody handles them."""
        self.assert_weathers(signal.SIGSTOP, signal.SIGCONT, signal.SIGTSTP, signal.SIGCONT)

    def test_one_that_is_handled(self):
        self.proxy.test.handleSignal(int(signal.SIGALRM))
        self.assert_weathers(signal.SIGALRM)


class Stopped(unittest.TestCase):
    """A server that stood still, as one does with its machine: that is not its clients' fault."""

    TIMEOUT = 1.0 * SLOW

    def test_what_came_meanwhile_came_in_time(self):
        """A request of one piece, and the bodies of some whose heads were read before."""
        head, end, body = request(call_body("monitor.ping"), "Expect: 100-continue").partition(
            b"\r\n\r\n")
        with Server("--request-timeout", str(self.TIMEOUT), "--keepalive", str(self.TIMEOUT),
                    "--sync", "off") as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(20)]
            for number, client in enumerate(clients):
                self.assertEqual(client.ask(head + end if number % 2 else PING).status,
                                 100 if number % 2 else 200)
            server.process.send_signal(signal.SIGSTOP)
            for number, client in enumerate(clients):
                client.send(body if number % 2 else PING)
            time.sleep(2 * self.TIMEOUT)  # what passes while it stands still
            server.process.send_signal(signal.SIGCONT)
            for client in clients:
                # 503 is for whom no worker had time, all at once; 408, or nothing, would be a lie.
                self.assertIn(client.read().status, (200, 503))


def listening_port(pid):
    """The port on which a process listens, of which no terminal tells."""
    def look():
        sockets = set()
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                sockets.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        with open("/proc/net/tcp", encoding="ascii") as table:
            next(table)  # its heading; those that listen come first
            for fields in itertools.takewhile(lambda fields: fields[3] == "0A",
                                              map(str.split, table)):
                if f"socket:[{fields[9]}]" in sockets:
                    return int(fields[1].partition(":")[2], 16)
        return None
    return wait_until(look, "it does not listen")


class Streams(unittest.TestCase):
    """A server whose standard streams are not what it would like them to be."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=STATE)

    @contextlib.contextmanager
    def serve(self, redirections="", **options):
        """A server started by a shell, and a proxy of it; it must end with status 0."""
        command = f'exec "$0" --listen 127.0.0.1:0 --sync off --journal "$1" {redirections}'
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(["sh", "-c", command, SERVER, f"{self.folder}/journal.db"],
                                   env=environment(), **options)
        try:
            url = f"http://127.0.0.1:{listening_port(process.pid)}/RPC2"
            with xmlrpc.client.ServerProxy(url) as proxy:
                yield process, proxy
            process.terminate()
            _, complaints = process.communicate(timeout=PATIENCE)
            self.complaints = (complaints or b"").decode()
            self.assertEqual(process.returncode, 0, self.complaints)
        finally:
            process.kill()
            process.wait()

    def assert_records(self, proxy, *texts):
        for text in texts:
            self.assertEqual(proxy.print(text), 1)
        self.assertEqual([event["data"] for event in read_events(proxy, "print")],
                         [[text] for text in texts])

    def test_closed_ones_are_nobody_elses(self):
        """Neither a socket nor the journal gets their numbers, and what is shown."""
        for redirections in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(redirections=redirections):
                self.setUp()
                with self.serve(redirections) as (process, proxy):
                    self.assert_records(proxy, "a" * 100, "b" * 100)
                    for number in range(3):
                        at = os.readlink(f"/proc/{process.pid}/fd/{number}")
                        self.assertRegex(at, "^(pipe:.*|/dev/null)$")

    def assert_one_complaint(self):
        self.assertRegex(self.complaints, r"^[^\n]*cannot write to the terminal[^\n]*\n$")

    def test_a_full_device(self):
        with self.serve(">/dev/full") as (_, proxy):
            self.assert_records(proxy, "a", "b")
        self.assert_one_complaint()

    def test_a_full_disk(self):
        with small_disk("64k") as disk, open(f"{disk}/rest", "wb", buffering=0) as rest:
            with self.serve(f">{disk}/output") as (_, proxy):
                with contextlib.suppress(OSError):
                    while rest.write(bytes(4096)):
                        pass
                texts = [f"{number}" * 300 for number in range(30)]
                self.assert_records(proxy, *texts)
            self.assert_one_complaint()

    def test_a_pipe_that_nobody_reads(self):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as pipe, self.serve(stdout=pipe) as (_, proxy):
            self.assert_records(proxy, "a", "b")
        self.assert_one_complaint()

    def test_a_full_stderr(self):
        with self.serve("2>/dev/full >/dev/full") as (_, proxy):
            self.assert_records(proxy, "a", "b")

    @contextlib.contextmanager
    def on_terminal(self, command="exec"):
        """A server that leads the session of a terminal, and the terminal's other side."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["sh", "-c", f'{command} "$0" --listen 127.0.0.1:0 --journal "$1"', SERVER,
             f"{self.folder}/journal.db"], env=environment(), stdin=theirs, stdout=theirs,
            stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0))
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
            process.wait()

    def test_a_terminal_that_hangs_up_ends_it_in_order(self):
        with self.on_terminal() as (process, terminal):
            listening_port(process.pid)
            os.close(terminal)
            self.assertEqual(process.wait(PATIENCE), 0)
        with self.serve() as (_, proxy):
            self.assertIn("server.stop", [event["type"] for event in read_events(proxy)])

    def test_with_nohup_it_outlives_its_terminal(self):
        with self.on_terminal("trap '' HUP; exec") as (process, terminal):
            url = f"http://127.0.0.1:{listening_port(process.pid)}/RPC2"
            with xmlrpc.client.ServerProxy(url) as proxy:
                os.close(terminal)
                self.assert_records(proxy, "a", "b")
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), 0)


class Client(unittest.TestCase):
    def test_a_closed_stdout_is_told_and_nobody_elses(self):
        with Server() as server:
            done = run("sh", "-c", '"$0" "$1" print x >&-', CLIENT, f"{server.host}:{server.port}")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("the output could not be written", done.stderr)
            done = run("sh", "-c", '"$0" "$1" print x <&- >&- 2>&-', CLIENT,
                       f"{server.host}:{server.port}")
            self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
