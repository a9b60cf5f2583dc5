"""System calls that fail, are interrupted or take their time, under a server and at its start.

strace(1) lets them: for a while, on a server that it attaches to. What is injected is looked for
in its trace, so that no test passes because nothing was.
"""
import contextlib
import itertools
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest
import xmlrpc.client

from lookout import (PATIENCE, PING, RECORDING_FAILS, SERVER, SLOW, STATE, Lines, Server,
                     call_body, environment, read_events, request, wait_until)

# LeakSanitizer cannot look at a process that strace has, as both do it by ptrace(2).
NO_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}


class Injection:
    """Faults in a process that runs: strace's expressions, such as "accept4:error=EMFILE"."""

    def __init__(self, process, *expressions, path=None):
        handle, self._trace = tempfile.mkstemp(dir=STATE)
        os.close(handle)
        calls = ",".join(expression.partition(":")[0] for expression in expressions)
        command = ["strace", "-f", "-p", str(process.pid), "-o", self._trace, "-e",
                   f"trace={calls}", *(["-P", path] if path else [])]
        for expression in expressions:
            command += ["-e", f"inject={expression}"]
        self._strace = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._said = Lines(self._strace.stderr)

    def __enter__(self):
        self._said.wait_for("strace: Process .* attached.*", PATIENCE)
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.wait_for(1)
        finally:
            self._strace.terminate()
            self._strace.wait(PATIENCE)
            self._said.join()

    def count(self):
        """How many faults there were."""
        with open(self._trace, encoding="utf-8", errors="replace") as trace:
            return len(re.findall(r"\((INJECTED|DELAYED)\)$|^\d+ +--- SIGALRM ", trace.read(),
                                  re.MULTILINE))

    def wait_for(self, count):
        wait_until(lambda: self.count() >= count, f"there are not {count} faults")


class SyscallTest(unittest.TestCase):
    expect_stderr = ()

    @classmethod
    def setUpClass(cls):
        if SLOW > 4:
            raise unittest.SkipTest("what fails is the same for ThreadSanitizer, only slower")
        done = subprocess.run(["strace", "-f", "-e", "inject=getpid:error=EPERM", "true"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise unittest.SkipTest(f"strace does not work here: {done.stderr.strip()}")


class RunningTest(SyscallTest):
    """Each test has a server, a client that has called it, and a proxy."""

    # How long the disk itself takes, on a machine that is busy, is not the matter.
    options = ("--sync", "off")

    def setUp(self):
        self.server = self.enterContext(Server(*self.options, expect_stderr=self.expect_stderr))
        self.client = self.enterContext(self.server.connect())
        self.proxy = self.enterContext(self.server.proxy())
        self.proxy.monitor.sendEvent("start")
        self.client.ask(PING)

    def inject(self, *expressions, **options):
        return Injection(self.server.process, *expressions, **options)

    def complaints(self, text):
        return [line for line in self.server.stderr.all() if text in line]

    def assert_alone(self):
        """Of all who came, the proxy alone is left."""
        self.client.close()
        wait_until(lambda: self.proxy.monitor.getStatus()["connections"]["open"] == 1,
                   "connections are left")


class Accepting(RunningTest):
    options = ("--sync", "off", "--threads", "4")  # each tries, on a machine of any size
    COMPLAINT = "cannot accept connections for now: "
    expect_stderr = [COMPLAINT]

    def assert_waited_out(self, error, text):
        """One line tells of it, it is tried now and then, and who waits meanwhile is answered."""
        self.server.wait_until_idle(self.client)
        with self.server.connect() as waits:
            with self.inject(f"accept4:error={error}") as injection:
                with self.server.connect() as comes:
                    comes.send(PING)
                    injection.wait_for(1)
                    before, began = injection.count(), time.monotonic()
                    # Each try may be one of every worker, and is made after 0.1 s.
                    injection.wait_for(before + 20)
                    seconds = time.monotonic() - began
                    self.assertGreater(seconds, 0.2, "it does not back off")
                    self.assertEqual(self.client.ask(PING).value(), "pong")
            waits.send(PING)
            began = time.monotonic()
            self.assertEqual(waits.read().value(), "pong")
            self.assertLess(time.monotonic() - began, 1 * SLOW)
        self.assertEqual(len(self.complaints(self.COMPLAINT + text)), 1)

    def test_no_descriptor_of_the_process(self):
        self.assert_waited_out("EMFILE", "Too many open files")

    def test_no_descriptor_of_the_system(self):
        self.assert_waited_out("ENFILE", "Too many open files in system")

    def test_no_buffer(self):
        self.assert_waited_out("ENOBUFS", "No buffer space available")

    def test_no_memory(self):
        self.assert_waited_out("ENOMEM", "Cannot allocate memory")

    def test_a_rule_against_it(self):
        self.assert_waited_out("EPERM", "Operation not permitted")

    def test_a_protocol_error(self):
        self.assert_waited_out("EPROTO", "Protocol error")

    def test_who_went_before_it_was_accepted(self):
        """Is nobody's trouble: it is gone on with at once, and nothing is said."""
        for error, text in (("ECONNABORTED", "Software caused"), ("EINTR", "Interrupted")):
            with self.subTest(error=error), self.inject(f"accept4:error={error}:when=1..2"), \
                    self.server.connect() as comes:
                self.assertEqual(comes.ask(PING).value(), "pong")
            # By its text: strace, leaving in the middle of an injection, makes an ENOSYS of it.
            self.assertEqual(self.complaints(self.COMPLAINT + text), [])


class Transfers(RunningTest):
    """A connection that breaks is its client's alone; what is interrupted is done again."""

    def assert_lost(self, expression):
        with self.subTest(fault=expression):
            with self.server.connect() as loses:
                self.assertEqual(loses.ask(PING).value(), "pong")
                self.server.wait_until_idle(loses)
                with self.inject(expression):
                    with contextlib.suppress(ConnectionError):
                        self.assertIsNone(loses.ask(PING))
            self.assertEqual(self.client.ask(PING).value(), "pong")

    def assert_served(self, expression, value="x" * 100):
        with self.subTest(fault=expression), self.inject(expression):
            answer = self.client.ask(request(call_body("test.echo", value)))
            self.assertEqual(answer.value(), value)

    def test_receiving_fails(self):
        for error in ("ECONNRESET", "ENOBUFS", "ENOMEM", "ETIMEDOUT"):
            self.assert_lost(f"recvfrom:error={error}")
        self.assert_alone()

    def test_sending_fails(self):
        for error in ("EPIPE", "ECONNRESET", "ENOBUFS", "ENOMEM"):
            self.assert_lost(f"sendto:error={error}")
        self.assert_alone()

    def test_what_is_interrupted(self):
        for call in ("recvfrom", "sendto", "epoll_wait"):
            self.assert_served(f"{call}:error=EINTR:when=1..3")
        self.assert_served("sendto:error=EAGAIN:when=1")  # the socket is writable all the same

    def test_what_is_interrupted_for_the_keeper(self):
        """Its poll(2) tells it of deadlines, of which a call with a time has one."""
        with self.inject("poll:error=EINTR:when=1..5"):
            page = self.proxy.monitor.waitEvents(self.proxy.monitor.sendEvent("mine"), 1, 0.3)
        self.assertEqual(page["events"], [])

    def test_what_takes_its_time(self):
        for call in ("recvfrom", "sendto", "epoll_wait", "epoll_ctl"):
            with self.subTest(call=call), self.inject(f"{call}:delay_enter=50ms"), \
                    self.server.connect() as comes:
                self.assertEqual(comes.ask(request(call_body("print", call))).value(), 1)
        self.assertEqual(len(read_events(self.proxy, "print")), 4)

    def test_a_handled_signal_in_every_system_call(self):
        self.proxy.test.handleSignal(int(signal.SIGALRM))
        with self.inject("all:signal=SIGALRM:when=1..200"):
            for number in range(20):
                with self.server.connect() as comes:
                    self.assertEqual(comes.ask(request(call_body("print", number))).value(), 1)
        self.assertEqual([event["data"] for event in read_events(self.proxy, "print")],
                         [[number] for number in range(20)])


class Watching(RunningTest):
    """epoll takes no more connections: who comes is answered at once, or let go."""

    COMPLAINT = "connections are lost, as epoll does not take them: "
    expect_stderr = [COMPLAINT]

    def is_printed(self, text):
        with contextlib.suppress(ConnectionError), self.server.connect() as comes:
            response = comes.ask(request(call_body("print", text)))
            return response is not None and response.value() == 1
        return False

    def test_no_room(self):
        printed = []
        for error in ("ENOSPC", "ENOMEM"):
            self.server.wait_until_idle(self.client)
            with self.subTest(error=error), self.inject(f"epoll_ctl:error={error}") as injection:
                for number in range(10):
                    if self.is_printed(f"{error} {number}"):
                        printed.append([f"{error} {number}"])
                injection.wait_for(10)
                self.assertEqual(self.client.ask(PING).value(), "pong")
        recorded = [event["data"] for event in read_events(self.proxy, "print")]
        self.assertEqual([data for data in printed if data not in recorded], [])
        self.assertEqual(len(self.complaints(self.COMPLAINT)), 1)
        self.assert_alone()


class Journal(RunningTest):
    """The disk fails: what test_disk.py does inside SQLite is what the system does."""

    options = ()
    expect_stderr = [*RECORDING_FAILS, "the last events may not be recorded"]

    def test_a_client_of_a_held_answer_is_lost_and_its_event_is_not(self):
        with self.inject("fdatasync:delay_enter=200ms", "sendto:error=EPIPE:when=1"):
            with contextlib.suppress(ConnectionError):
                self.assertIsNone(self.client.ask(request(call_body("print", "kept"))))
        self.assertEqual([event["data"] for event in read_events(self.proxy, "print")], [["kept"]])

    def assert_refused_meanwhile(self, expression, why):
        kept = [self.proxy.monitor.sendEvent("mine")]
        with self.inject(expression):
            for _ in range(3):
                with self.assertRaisesRegex(xmlrpc.client.Fault, f"not recorded: {why}"):
                    self.proxy.monitor.sendEvent("mine")
            self.assertEqual(self.proxy.monitor.ping(), "pong")
        wait_until(lambda: self.complaints(RECORDING_FAILS[1]), "it is not recorded again")
        kept.append(self.proxy.monitor.sendEvent("mine"))
        self.assertEqual([event["id"] for event in read_events(self.proxy, "mine")], kept)
        self.assertEqual(len(self.complaints(RECORDING_FAILS[0])), 1)

    def test_a_sync_fails(self):
        self.assert_refused_meanwhile("fsync,fdatasync:error=EIO", "input/output error")

    def test_a_full_disk(self):
        self.assert_refused_meanwhile("pwrite64:error=ENOSPC", "the disk is full")

    def test_a_write_fails(self):
        self.assert_refused_meanwhile("pwrite64:error=EIO", "input/output error")

    def test_a_slow_sync_delays_nobody_else(self):
        with self.inject("fdatasync:delay_enter=500ms"):
            self.client.send(request(call_body("print", "slow")))
            wait_until(lambda: self.server.shown(self.client)["state"] == "held", "it is not held")
            self.assertEqual(self.proxy.monitor.ping(), "pong")
            self.assertEqual(self.client.read().value(), 1)


class Terminal(SyscallTest):
    """Its output goes to a file, by which strace knows it."""

    COMPLAINT = "cannot write to the terminal"

    @contextlib.contextmanager
    def serve(self):
        handle, self.output = tempfile.mkstemp(dir=STATE)
        process = subprocess.Popen(
            [SERVER, "--listen", "127.0.0.1:0", "--journal", ":memory:"], stdin=subprocess.DEVNULL,
            stdout=handle, stderr=subprocess.PIPE, env=environment())
        os.close(handle)
        try:
            url = wait_until(lambda: re.search("http://.*", self.shown()), "it does not listen")
            with xmlrpc.client.ServerProxy(url[0]) as proxy:
                yield process, proxy
            process.terminate()
            self.complaints = process.communicate(timeout=PATIENCE)[1].decode()
            self.assertEqual(process.returncode, 0, self.complaints)
        finally:
            process.kill()
            process.wait()

    def shown(self):
        with open(self.output, encoding="utf-8") as output:
            return output.read()

    def test_it_fails_for_good(self):
        for error in ("EIO", "ENOSPC", "EPIPE"):
            with self.subTest(error=error), self.serve() as (process, proxy):
                with Injection(process, f"write:error={error}", path=self.output) as injection:
                    proxy.print("lost")
                    injection.wait_for(1)
                    proxy.print("also lost")
                proxy.print("not shown either")
            self.assertNotIn("lost", self.shown())
            self.assertEqual(self.complaints.count("\n"), 1, self.complaints)
            self.assertIn(self.COMPLAINT, self.complaints)

    def test_it_does_not_take_it_at_once(self):
        for error in ("EAGAIN", "EINTR"):
            with self.subTest(error=error), self.serve() as (process, proxy):
                with Injection(process, f"write:error={error}:when=1..5", path=self.output):
                    proxy.print("late")
                    wait_until(lambda: "late" in self.shown(), "it is not shown")
            self.assertEqual(self.complaints, "")


class Starts(SyscallTest):
    """A start in which a system call fails says so, with status 1; or all is well."""

    def start(self, expression, *options):
        """What is said by a server that does not start; None when it does."""
        folder = tempfile.mkdtemp(dir=STATE)
        call = expression.partition(":")[0]
        command = ["strace", "-D", "-f", "--seccomp-bpf", "-o", f"{folder}/trace", "-e",
                   f"trace={call}", "-e", f"inject={expression}", SERVER, "--listen",
                   "127.0.0.1:0", "--journal", f"{folder}/journal.db", *options]
        with subprocess.Popen(command, env=environment(**NO_LEAKS), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            line = process.stdout.readline()
            if line:
                with xmlrpc.client.ServerProxy(line.split()[-1]) as proxy:
                    self.assertEqual(proxy.print(1), 1)
            process.terminate()
            _, complaints = process.communicate(timeout=PATIENCE)
        with open(f"{folder}/trace", encoding="utf-8", errors="replace") as trace:
            self.was_injected = "(INJECTED)" in trace.read()
        if line:
            self.assertEqual(process.returncode, 0, complaints)
            self.assertEqual(complaints, "")
            return None
        self.assertEqual(process.returncode, 1, complaints)
        return complaints

    def test_a_thread_is_refused(self):
        for number in itertools.count(1):
            said = self.start(f"clone3:error=EAGAIN:when={number}", "--sync", "off")
            if not self.was_injected:
                break
            self.assertRegex(said or "", "^lookout: error: cannot start.*(threads|workers)")
        self.assertIsNone(said)
        self.assertGreater(number, 4)

    def test_what_it_cannot_do_without(self):
        for expression, why in (("socket:error=EMFILE", "cannot listen on .*Too many open files"),
                                ("socket:error=ENOBUFS", "cannot listen on .*No buffer space"),
                                ("bind:error=EACCES", "cannot listen on .*Permission denied"),
                                ("bind:error=EADDRNOTAVAIL", "cannot listen on .*interface"),
                                ("listen:error=EADDRINUSE", "cannot listen on .*in use"),
                                ("getsockname:error=ENOBUFS", "cannot listen on "),
                                ("epoll_create1:error=EMFILE", "Too many open files"),
                                ("epoll_ctl:error=ENOSPC", "No space left on device"),
                                ("eventfd2:error=ENFILE:when=1", "cannot start.*descriptors"),
                                ("eventfd2:error=ENFILE:when=2", "Too many open files in system"),
                                ("eventfd2:error=ENFILE:when=3", "Too many open files in system"),
                                ("flock:error=ENOLCK", "cannot lock it: No locks available"),
                                ("pwrite64:error=ENOSPC", "the disk is full"),
                                ("fsync,fdatasync:error=EIO", "input/output error")):
            with self.subTest(fault=expression):
                said = self.start(expression)
                self.assertTrue(self.was_injected)
                self.assertRegex(said or "it has started", f"^lookout: error: .*{why}")

    def test_what_it_can_do_without(self):
        expressions = ["setsockopt:error=ENOPROTOOPT", "getrandom:error=ENOSYS",
                       "epoll_wait:error=EINTR:when=1..9", "recvfrom,sendto:error=EINTR:when=1..3"]
        if SLOW == 1:  # AddressSanitizer itself cannot do without it
            expressions.append("prlimit64:error=EPERM")
        for expression in expressions:
            with self.subTest(fault=expression):
                self.assertIsNone(self.start(expression, "--sync", "off"))
                self.assertTrue(self.was_injected)


if __name__ == "__main__":
    unittest.main()
