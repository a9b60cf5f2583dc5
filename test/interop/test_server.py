"""The server's command line, its signals, and its terminal."""
import re
import signal
import subprocess
import threading
import unittest
import xmlrpc.client

from lookout import PATIENCE, PING, SERVER, Server, call_body, environment, request, run

OPTIONS = ["--listen", "--threads", "--max-connections", "--max-body", "--max-buffered", "--max-head", "--keepalive",
           "--request-timeout", "--allow-host", "--allow-remote", "--validator", "--quiet",
           "--log-level", "--journal", "--sync", "--keep-events", "--keep-days", "--max-pending",
           "--max-event", "--max-wait", "--recent", "--version", "--help"]


class CommandLine(unittest.TestCase):
    def test_help_shows_every_option(self):
        done = run(SERVER, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in OPTIONS:
            with self.subTest(option=option):
                self.assertRegex(done.stdout, rf"(?m)^ *(-\S, *)*{option}\b.*")

    def test_help_fits_a_terminal(self):
        lines = run(SERVER, "--help").stdout.split("\n")
        self.assertLessEqual(max(map(len, lines)), 80)

    def test_few_open_files_mean_few_connections(self):
        for files, connections, warned in ((300, 10, False), (300, 1000, True), (64, 1000, True),
                                           (200, 80, False)):
            with self.subTest(files=files, connections=connections):
                command = ["prlimit", f"--nofile={files}", SERVER, "--listen", "127.0.0.1:0",
                           "--max-connections", str(connections)]
                with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True, env=environment()) as server:
                    self.assertIn("listening", server.stdout.readline())
                    server.terminate()
                    complaints = server.stderr.read()
                self.assertEqual("open files" in complaints, warned, complaints)
                said = re.search(r"only (\d+) connections", complaints)
                if said:
                    self.assertLess(int(said[1]), min(files, connections))

    def test_version(self):
        done = run(SERVER, "--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^lookout \d+\.\d+\.\d+\b")

    def test_mistakes_are_explained_with_status_2(self):
        for mistake, about in (
                (["--nonsense"], "nonsense"), (["argument"], "argument"),
                (["--threads"], "threads"), (["--threads", "0"], "threads"),
                (["--threads", "many"], "many"), (["--threads", "-1"], "threads"),
                (["--max-connections", "99999999999999999999"], "max-connections"),
                (["--max-body", "1G"], "1G"), (["--max-head", ""], "max-head"),
                (["--keepalive", "nan"], "keepalive"), (["--request-timeout", "1e3"], "1e3"),
                (["--log-level", "loud"], "loud"), (["--journal", ""], "journal"),
                (["--sync", "fully"], "full, normal or off"), (["--recent", "63K"], "64K"),
                (["--keep-events", "0"], "keep-events"), (["--max-pending", "1"], "max-pending"),
                (["--max-event", "385K"], "384K"), (["--max-wait", "0"], "max-wait")):
            with self.subTest(mistake=mistake):
                done = run(SERVER, *mistake)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(about, done.stderr)

    def test_a_second_server_on_the_port_says_so(self):
        with Server() as server:
            done = run(SERVER, "--listen", f"127.0.0.1:{server.port}")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"127\.0\.0\.1:{server.port}.*in use")
            with server.proxy() as proxy:
                self.assertEqual(proxy.monitor.ping(), "pong")

    def test_a_port_is_free_again_at_once(self):
        with Server() as server:
            with server.proxy() as proxy:
                proxy.monitor.ping()
        with Server(listen=(f"127.0.0.1:{server.port}",)) as again:
            self.assertEqual(again.port, server.port)

    def test_other_machines_are_let_in_only_on_request(self):
        for address in ("0.0.0.0:0", "[::]:0"):
            with self.subTest(address=address):
                done = run(SERVER, "--listen", address)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn("--allow-remote", done.stderr)
        with Server("--allow-remote", listen=("0.0.0.0:0",)) as server:
            url = f"http://127.0.0.1:{server.port}/RPC2"
            with xmlrpc.client.ServerProxy(url) as proxy:
                self.assertEqual(proxy.monitor.ping(), "pong")

    def test_an_address_that_is_none(self):
        for address in ("127.0.0.1:port", "127.0.0.1:65536", "no such host:0", "[::1:0"):
            with self.subTest(address=address):
                done = run(SERVER, "--listen", address, timeout=PATIENCE)
                self.assertIn(done.returncode, (1, 2))
                self.assertEqual(done.stdout, "")
                self.assertIn(address, done.stderr)


class Listening(unittest.TestCase):
    def test_two_addresses_of_both_families(self):
        with Server(listen=("[::1]:0", "127.0.0.1:0")) as server:
            server.wait_for_line(r"listening on http://127\.0\.0\.1:\d+/RPC2")
            urls = [line.removeprefix("listening on ") for line in server.lines()
                    if line.startswith("listening on ")]
            self.assertRegex(urls[0], r"^http://\[::1\]:\d+/RPC2$")
            self.assertEqual(len(urls), 2)
            for url in urls:
                with xmlrpc.client.ServerProxy(url) as proxy:
                    self.assertEqual(proxy.monitor.ping(), "pong")
            server.wait_for_line(r"connected on .* conn1 \[::1\]:\d+")
            server.wait_for_line(r"connected on .* conn2 127\.0\.0\.1:\d+")

    def test_a_name(self):
        with Server(listen=("localhost:0",)) as server, server.proxy() as proxy:
            self.assertEqual(proxy.monitor.ping(), "pong")


class Stopping(unittest.TestCase):
    def assert_running_call_is_answered(self, sign):
        with Server() as server, server.connect() as slow:
            server_side = threading.Thread(target=server.await_end)
            slow.send(request(call_body("test.sleep", 1.0)))
            server.wait_until_runs("test.sleep")
            server.process.send_signal(sign)
            server_side.start()
            self.assertEqual(slow.read().value(), 1.0)
            self.assertIsNone(slow.read())
            server_side.join()
            self.assertEqual(server.process.returncode, 0)

    def test_sigterm_lets_a_running_call_end(self):
        self.assert_running_call_is_answered(signal.SIGTERM)

    def test_sigint_lets_a_running_call_end(self):
        self.assert_running_call_is_answered(signal.SIGINT)

    def test_a_terminal_that_closes_ends_it(self):
        with Server() as server:
            server.stop(signal.SIGHUP)

    def test_under_nohup_it_outlives_its_terminal(self):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup(1) has it, and inherited
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        with Server() as server, server.proxy() as proxy:
            server.process.send_signal(signal.SIGHUP)
            self.assertEqual(proxy.monitor.ping(), "pong")
            server.process.send_signal(signal.SIGHUP)
            self.assertEqual(proxy.monitor.ping(), "pong")

    def test_idle_and_unfinished_connections_do_not_delay_it(self):
        with Server() as server, server.connect() as idle, server.connect() as unfinished:
            idle.ask(PING)
            unfinished.send(PING[:-10])
            with server.proxy() as proxy:
                proxy.monitor.ping()
            server.stop()
            self.assertIsNone(idle.read())

    def test_a_call_that_does_not_end_is_abandoned(self):
        with Server(expect_stderr=["abandoned"]) as server, server.connect() as slow:
            slow.send(request(call_body("test.sleep", 60.0)))
            server.wait_until_runs("test.sleep")
            server.stop()  # asserts that it ends in time
            self.assertTrue(any("abandoned" in line for line in server.stderr.all()))

    def test_disconnections_are_shown_to_the_last(self):
        with Server() as server, server.connect() as idle:
            idle.ask(PING)
            server.stop()
        self.assertRegex(server.lines()[-1], "^disconnected on .* conn1 .* 1 call .*")

    def test_a_second_sigterm_changes_nothing(self):
        with Server() as server, server.connect() as slow:
            slow.send(request(call_body("test.sleep", 0.5)))
            server.wait_until_runs("test.sleep")
            server.process.send_signal(signal.SIGTERM)
            self.last_of_connections(server)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(slow.read().value(), 0.5)
            server.await_end()
            server.stop = lambda: None

    def test_no_new_connection_while_it_stops(self):
        with Server() as server, server.connect() as slow:
            slow.send(request(call_body("test.sleep", 1.0)))
            server.wait_until_runs("test.sleep")
            server.process.send_signal(signal.SIGTERM)
            self.assertIsNone(self.last_of_connections(server))
            self.assertEqual(slow.read().value(), 1.0)
            server.await_end()

    def last_of_connections(self, server):
        """Connects until there is no more connecting: while the slow call still runs."""
        try:
            while True:
                with server.connect() as connection:
                    if connection.ask(PING) is None:
                        return None
        except OSError:
            return None


class Terminal(unittest.TestCase):
    def test_quiet_shows_only_where_it_listens(self):
        with Server("--quiet") as server, server.proxy() as proxy:
            self.assertEqual(proxy.print("hello", 1), 2)
            self.assertEqual(proxy.greet("Ada"), "Hello, Ada!")
        self.assertEqual(server.lines(), [f"listening on {server.url}"])

    def test_greet_shows_a_line(self):
        with Server() as server, server.proxy() as proxy:
            proxy.greet('Ada\n"')
            server.wait_for_line(re.escape(r'greet "Ada\n\""'))

    def test_a_terminal_that_stops_reading_stops_nothing(self):
        """What fits neither a pipe nor the queue is dropped, and their number is shown."""
        with Server() as server, server.proxy() as proxy:
            with server.stdout.hold:
                for _ in range(40):  # about 78 KB each
                    self.assertEqual(proxy.print(*["\u202e" * 120] * 100), 100)
                self.assertEqual(proxy.monitor.ping(), "pong")
            missing = server.wait_for_line(r"… (\d+) lines were not shown: .*")
            self.assertEqual(int(missing[1]) % 100, 0)  # each call's lines stay together
            proxy.print("afterwards")
            server.wait_for_line('print conn1 1 string "afterwards" 10 characters')
            shown = sum(line.startswith("print conn1") for line in server.lines())
            self.assertEqual(shown + int(missing[1]), 4001)

    def test_a_terminal_that_is_gone_stops_nothing(self):
        command = [SERVER, "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment(), text=True) as process:
            url = process.stdout.readline().split()[-1]
            process.stdout.close()
            with xmlrpc.client.ServerProxy(url) as proxy:
                for _ in range(3):
                    self.assertEqual(proxy.print("nobody reads this"), 1)
            process.terminate()
            _, complaints = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertRegex(complaints, r"^[^\n]*cannot write to the terminal[^\n]*\n$")


class Levels(unittest.TestCase):
    def test_a_debugging_server_serves(self):
        with Server("--log-level", "debug", expect_stderr=["."]) as server, server.proxy() as proxy:
            self.assertEqual(proxy.monitor.ping(), "pong")


if __name__ == "__main__":
    unittest.main()
