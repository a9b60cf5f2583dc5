"""The C client on a terminal, on a full disk, under Ctrl-C; and its options."""
import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import unittest

from lookout import CLIENT, LookoutTest, PATIENCE, environment, run, stub_of

DONE, FAULT, USAGE, UNREACHABLE = range(4)

ESCAPE = "\x1b["


def read_all(descriptor):
    """What is written to a terminal until nobody has it open any more."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # EIO: its other side is closed
            part = b""
        if not part:
            return b"".join(parts).decode("utf-8")
        parts.append(part)


def on_terminal(*arguments, columns=0, **variables):
    """What the client writes to a terminal of so many columns; variables of None are not set."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {"TERM": "xterm", "NO_COLOR": None, **variables}
    with subprocess.Popen([CLIENT, *arguments], stdin=slave, stdout=slave, stderr=slave,
                          env=environment(**variables)) as process:
        os.close(slave)
        shown = read_all(master)
        process.wait(PATIENCE)
    os.close(master)
    return shown


def accept_call(listener):
    """The next connection on which a call comes; others only try whether somebody listens."""
    while True:
        connection, _ = listener.accept()
        if connection.recv(65536):
            return connection
        connection.close()


class Terminal(LookoutTest):
    def setUp(self):
        self.address = f"127.0.0.1:{self.server.port}"

    def test_colours_are_for_terminals_that_have_them(self):
        for coloured, variables in ((True, {}), (True, {"NO_COLOR": ""}),
                                    (False, {"NO_COLOR": "1"}), (False, {"TERM": "dumb"}),
                                    (False, {"TERM": None})):
            with self.subTest(**variables):
                shown = on_terminal(self.address, "status", **variables)
                self.assertIn("lookout", shown)
                self.assertEqual(ESCAPE in shown, coloured, shown)

    def test_no_colours_when_asked_for_none(self):
        for option in ("--no-color", "--no-colour"):
            with self.subTest(option=option):
                shown = on_terminal(option, self.address, "status")
                self.assertIn("lookout", shown)
                self.assertNotIn(ESCAPE, shown)

    def test_what_is_wrong_is_coloured_too(self):
        self.assertRegex(on_terminal(self.address, "call", "no.such"),
                         r"\x1b\[31m.*\x1b\[0m.*-32601")

    def test_events_are_cut_to_the_width(self):
        with self.server.proxy() as proxy:
            proxy.monitor.sendEvent("wide", "x" * 500)
        for columns in (0, 100, 200):  # 0: a terminal that does not say
            with self.subTest(columns=columns):
                shown = on_terminal("--no-color", self.address, "events", "--type", "wide",
                                    columns=columns).splitlines()[-1]
                self.assertEqual("x" * 500 in shown, columns == 0)
                if columns:
                    self.assertEqual(len(shown), columns, shown)

    def test_a_disk_that_is_full_is_told(self):
        for arguments in (("status",), ("ping",), ("ping", "--count", "2", "--interval", "0"),
                          ("events",), ("--json", "methods"), ("help", "print"),
                          ("call", "test.echo", "x" * 10000)):  # more than stdio keeps
            with self.subTest(arguments=arguments), open("/dev/full", "w") as full:
                done = subprocess.run([CLIENT, self.address, *arguments], stdin=subprocess.DEVNULL,
                                      stdout=full, stderr=subprocess.PIPE, text=True,
                                      env=environment(), timeout=PATIENCE, check=False)
                self.assertEqual(done.returncode, FAULT)
                self.assertIn("the output could not be written", done.stderr)

    def test_help_on_a_full_disk_is_no_success(self):
        for option in ("--help", "--usage", "--version"):
            with self.subTest(option=option), open("/dev/full", "w") as full:
                done = subprocess.run([CLIENT, option], stdout=full, env=environment(),
                                      timeout=PATIENCE, check=False)
                self.assertEqual(done.returncode, FAULT)


class Options(unittest.TestCase):
    def test_usage_names_the_options_alone(self):
        done = run(CLIENT, "--usage")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertIn("--timeout=SECONDS", done.stdout)
        self.assertNotIn("Exit status", done.stdout)

    def test_numbers_that_are_none_or_out_of_range(self):
        for option, values in (("--timeout", ("", "x", "1x", "0", "-1", "86401", "nan", "inf")),
                               ("--interval", ("", "x", "1x", "-0.1", "86401", "nan")),
                               ("--count", ("", "x", "1x", "1.5", "-1", "9223372036854775808")),
                               ("--limit", ("", "x", "1x", "0", "-1", "9223372036854775808"))):
            for value in values:
                with self.subTest(option=option, value=value):
                    done = run(CLIENT, "127.0.0.1:1", "ping", f"{option}={value}")
                    self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
                    self.assertRegex(done.stderr, rf"{option} takes .*'{re.escape(value)}'")

    def test_an_address_that_is_none(self):
        for address in ("", "host:x", "ftp://host", "[::1", "host:65536"):
            with self.subTest(address=address):
                done = run(CLIENT, address, "ping")
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
                self.assertNotEqual(done.stderr, "")


class Ping(unittest.TestCase):
    def setUp(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.nobody = f"127.0.0.1:{unused.getsockname()[1]}"

    def start(self, address, *arguments):
        process = subprocess.Popen([CLIENT, address, *arguments], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment())
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_lost_ones_are_counted_and_have_no_times(self):
        done = run(CLIENT, self.nobody, "ping", "--count", "2", "--interval", "0")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertRegex(done.stdout, r"(?s)seq=1 lost: .*refused.*seq=2 lost: .*refused")
        self.assertRegex(done.stdout, r"(?m)^2 sent, 0 answered, 2 lost \(100%\)")
        self.assertNotIn("rtt", done.stdout)

    def test_lost_ones_in_json(self):
        done = run(CLIENT, "--json", self.nobody, "ping", "--count", "2", "--interval", "0")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertRegex(done.stdout, r'"sent": 2,\s+"answered": 0,\s+"lost": 2,')
        self.assertNotIn("avg", done.stdout)

    def test_a_server_that_comes_to_refuse_is_no_success(self):
        answers = iter([True])

        def ping():
            return next(answers)  # then StopIteration: a fault

        with stub_of({"monitor.ping": ping}) as address:
            done = run(CLIENT, address, "ping", "--count", "3", "--interval", "0")
        self.assertEqual(done.returncode, FAULT, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^1 sent, 1 answered, 0 lost")
        self.assertIn("fault", done.stderr)

    def test_an_interval_alone_means_on_and_on(self):
        process = self.start(self.nobody, "ping", "--interval", "0.01")
        for _ in range(3):
            self.assertIn("lost", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE)
        self.assertRegex(rest, r"\d+ sent, 0 answered, \d+ lost \(100%\)")
        self.assertEqual(process.returncode, UNREACHABLE)

    def test_ctrl_c_while_the_first_waits_for_its_answer(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            process = self.start(f"127.0.0.1:{silent.getsockname()[1]}", "ping", "--count", "0")
            with accept_call(silent):
                process.send_signal(signal.SIGINT)
                rest, complaint = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, rest), (FAULT, ""))
        self.assertIn("interrupted", complaint)

    def test_ctrl_c_after_one_was_lost(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            process = self.start(f"127.0.0.1:{silent.getsockname()[1]}", "ping", "--interval", "0")
            accept_call(silent).close()
            self.assertIn("seq=1 lost", process.stdout.readline())
            with accept_call(silent):
                process.send_signal(signal.SIGINT)
                rest, complaint = process.communicate(timeout=PATIENCE)
        self.assertRegex(rest, r"1 sent, 0 answered, 1 lost \(100%\)")
        self.assertEqual((process.returncode, complaint), (UNREACHABLE, ""))  # the line said why


if __name__ == "__main__":
    unittest.main()
