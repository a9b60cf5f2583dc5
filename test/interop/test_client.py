"""The C client: its commands, its exit statuses, and what it says."""
import json
import signal
import socket
import subprocess
import threading
import time
import unittest

from lookout import CLIENT, LookoutTest, PATIENCE, PING, Server, environment, run

DONE, FAULT, USAGE, UNREACHABLE = range(4)


class ClientTest(LookoutTest):
    options = ("--validator",)

    def client(self, *arguments, status=DONE):
        """What the client writes: to stdout when all is well, else to stderr, never to both."""
        done = run(CLIENT, f"127.0.0.1:{self.server.port}", *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        silent, said = (done.stderr, done.stdout) if status == DONE else (done.stdout, done.stderr)
        self.assertEqual(silent, "")
        self.assertNotIn("\x1b", said)  # colours are for terminals
        return said

    def json(self, *arguments):
        return json.loads(self.client("--json", *arguments))

    def echo(self, argument):
        return self.json("call", "test.echo", argument)


class Commands(ClientTest):
    def test_status(self):
        status = self.json("status")
        self.assertEqual((status["name"], status["pid"]), ("lookout", self.server.process.pid))
        self.assertGreaterEqual(status["connections"]["open"], 1)
        self.assertIn(str(self.server.process.pid), self.client("status"))

    def test_status_is_the_default(self):
        self.assertEqual(self.json().keys(), self.json("status").keys())

    def test_ping(self):
        self.assertRegex(self.client("ping"), r"time=\d+\.\d+ ms")

    def test_ping_counts(self):
        lines = self.client("ping", "--count", "3", "--interval", "0.01").splitlines()
        self.assertEqual(sum("seq=" in line for line in lines), 3)
        self.assertRegex(lines[-2], r"^3 sent, 3 answered, 0 lost \(0%\)")
        least, mean, most = map(float, lines[-1].split(" = ")[1].split("/")[:3])
        self.assertTrue(0 < least <= mean <= most, lines[-1])
        counts = self.json("ping", "--count", "2", "--interval", "0")
        self.assertEqual((counts["sent"], counts["answered"], counts["lost"]), (2, 2, 0))

    def test_ping_until_interrupted(self):
        with subprocess.Popen([CLIENT, f"127.0.0.1:{self.server.port}", "ping", "--count", "0",
                               "--interval", "0.01"], stdout=subprocess.PIPE, text=True,
                              env=environment()) as process:
            for _ in range(3):
                self.assertIn("seq=", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, DONE)
        self.assertRegex(rest, r"\d+ sent, \d+ answered, 0 lost")

    def test_print(self):
        said, lines = self.server.printed_by(self.client, "print", "hello", "i/42")
        self.assertRegex(said, r"^2 arguments")
        self.assertEqual(lines, ['1 string "hello" 5 characters', "2 int 42 square 1764"])

    def test_print_every_type(self):
        count, lines = self.server.printed_by(
            self.json, "print", "Grüße 😀", "i/-5", "I/9007199254740993", "d/0.5", "b/true",
            "t/2026-11-23T10:11:12", "h/00ff", "n/", "array/(i/1,two)", "struct/{a:i/3}")
        self.assertEqual(count, 10)
        self.assertEqual([line.split()[:2] for line in lines[:10]],
                         [[str(i + 1), name] for i, name in enumerate((
                             "string", "int", "i8", "double", "boolean", "dateTime", "base64",
                             "nil", "array", "struct"))])
        self.assertRegex(lines[10], "^sum .* of 3 numbers$")
        self.assertIn('[1, "two"] 2 items', lines[8])
        self.assertIn('{"a": 3} 1 member', lines[9])

    def test_connections(self):
        mine, = [one for one in self.json("connections") if one["state"] == "running"]
        self.assertRegex(mine["id"], r"^conn\d+$")
        self.assertIn("conn", self.client("connections"))

    def test_methods(self):
        names = [one["method"] for one in self.json("methods")]
        self.assertLessEqual({"print", "monitor.ping", "greet"}, set(names))
        self.assertIn("monitor.getConnections", self.client("methods"))

    def test_help(self):
        self.assertRegex(self.client("help", "greet"), r"greet\(string\) → string")
        self.assertIn("terminal", self.client("help", "print"))
        self.assertEqual(self.json("help", "greet")["signatures"], [["string", "string"]])

    def test_call(self):
        self.assertIn("Hello, Ada!", self.client("call", "greet", "Ada"))
        self.assertEqual(self.json("call", "greet", "Ada"), "Hello, Ada!")

    def test_one_connection_a_run(self):
        for arguments in (("status",), ("help", "greet"), ("methods",), ("ping", "--count", "5",
                                                                         "--interval", "0")):
            with self.subTest(arguments=arguments), Server() as server:
                run(CLIENT, f"127.0.0.1:{server.port}", *arguments)
                server.wait_for_line("disconnected on .* conn1 .*")
                with server.proxy() as proxy:
                    self.assertEqual(proxy.monitor.getStatus()["connections"]["total"], 2)


class Values(ClientTest):
    def test_types_come_back(self):
        for argument, value in (
                ("i/-42", -42), ("I/9007199254740993", 9007199254740993), ("d/0.1", 0.1),
                ("d/1795000000.999999", 1795000000.999999), ("b/true", True), ("b/false", False),
                ("s/i/1", "i/1"), ("", ""), ("plain text", "plain text"), ("😀 ü", "😀 ü"),
                ("n/", None), ("h/00ff", "AP8="), ("array/()", []), ("struct/{}", {}),
                ("array/(i/1,two,array/(d/3.5))", [1, "two", [3.5]]),
                ("struct/{a:i/1,b:struct/{c:x}}", {"a": 1, "b": {"c": "x"}}),
                (r"array/(a\,b,\(c\))", ["a,b", "(c)"])):
            with self.subTest(argument=argument):
                self.assertEqual(self.echo(argument), value)

    def test_dates(self):
        for argument in ("t/2026-11-23T10:11:12", "t/20261123T10:11:12"):
            self.assertIn("2026-11-23T10:11:12", self.client("call", "test.echo", argument))

    def test_what_a_server_sends_does_not_act_on_the_terminal(self):
        said = self.client("call", "test.echo", "\x9b2J\u202e\x7f")
        for character in "\x9b\u202e\x7f":
            self.assertNotIn(character, said)

    def test_arguments_after_two_dashes(self):
        self.assertEqual(self.json("call", "test.echo", "--", "-5"), "-5")


class Validator1(ClientTest):
    STOOGES = "struct/{moe:i/1,larry:i/2,curly:i/30}"

    def call(self, method, *arguments):
        return self.json("call", f"validator1.{method}", *arguments)

    def test_all_eight(self):
        self.assertEqual(self.call("arrayOfStructsTest", f"array/({self.STOOGES},{self.STOOGES})"),
                         60)
        self.assertEqual(self.call("countTheEntities", "<<>&'\"\"")["ctQuotes"], 2)
        self.assertEqual(self.call("easyStructTest", self.STOOGES), 33)
        self.assertEqual(self.call("echoStructTest", self.STOOGES),
                         {"moe": 1, "larry": 2, "curly": 30})
        many = self.call("manyTypesTest", "i/1", "b/true", "s/x", "d/1.5", "t/20261123T10:11:12",
                         "h/00")
        self.assertEqual((many[:4], many[5]), ([1, True, "x", 1.5], "AA=="))
        self.assertEqual(self.call("moderateSizeArrayCheck", "array/(a" + ",b" * 98 + ",c)"), "ac")
        self.assertEqual(self.call("nestedStructTest",
                                   f"struct/{{2000:struct/{{04:struct/{{01:{self.STOOGES}}}}}}}"),
                         33)
        self.assertEqual(self.call("simpleStructReturnTest", "i/7"),
                         {"times10": 70, "times100": 700, "times1000": 7000})


class Failures(ClientTest):
    def test_faults_are_status_1(self):
        self.assertRegex(self.client("call", "no.such", status=FAULT), "(?s)-32601.*methods")
        self.assertRegex(self.client("call", "greet", "i/1", status=FAULT), "(?s)-32602.*help")
        self.client("help", "no.such", status=FAULT)

    def test_mistakes_are_status_2(self):
        for mistake, about in (
                (["nonsense"], "nonsense"), (["help"], "help"), (["call"], "call"),
                (["--nonsense"], "nonsense"), (["ping", "--count", "x"], "count"),
                (["ping", "--interval", "-1"], "interval"), (["status", "extra"], "status"),
                (["call", "test.echo", "i/x"], "i/"), (["print", "i/2147483648"], "2147483648"),
                (["print", "array/(i/1"], "')'"), (["print", "b/maybe"], "maybe"),
                (["print", "h/0"], "h/"), (["print", "d/inf"], "d/")):
            with self.subTest(mistake=mistake):
                self.assertIn(about, self.client(*mistake, status=USAGE))

    def test_without_a_server_named(self):
        done = run(CLIENT)
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
        self.assertIn("SERVER", done.stderr)

    def test_help_and_version(self):
        for option, text in (("--help", "connections"), ("--version", "lookout")):
            done = run(CLIENT, option)
            self.assertEqual((done.returncode, done.stderr), (DONE, ""))
            self.assertIn(text, done.stdout)

    def assert_unreachable(self, server, text, *arguments):
        done = run(CLIENT, server, *arguments)
        self.assertEqual((done.returncode, done.stdout), (UNREACHABLE, ""), done.stderr)
        self.assertRegex(done.stderr, text)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        self.assert_unreachable(f"127.0.0.1:{port}", "(?s)refused.*running")

    def test_a_host_that_is_not_known(self):
        self.assert_unreachable("no-such-host.invalid", "no-such-host.invalid")

    def test_a_server_that_does_not_answer(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            began = time.monotonic()
            self.assert_unreachable(f"127.0.0.1:{silent.getsockname()[1]}", "timed out",
                                    "--timeout", "0.5", "ping")
            self.assertLess(time.monotonic() - began, PATIENCE)

    def answer_with(self, answer):
        """The address of a server that answers one request with these bytes."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, PATIENCE)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def test_what_is_no_xml_rpc_server(self):
        page = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>hello</html>"
        self.assert_unreachable(self.answer_with(page), "XML-RPC")
        self.assert_unreachable(self.answer_with(b"SSH-2.0-OpenSSH\r\n"), "HTTP")
        missing = b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        self.assert_unreachable(self.answer_with(missing), "404")

    def test_hostile_answers_are_no_crash(self):
        for body in (b"<a>" * 3000, b"<methodResponse><params><param><value><i8>abc</i8></value>"
                     b"</param></params></methodResponse>"):
            answer = (b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
                      % len(body)) + body
            self.assert_unreachable(self.answer_with(answer), "XML-RPC")

    def test_a_server_that_is_full(self):
        with Server("--max-connections", "1") as server, server.connect() as only:
            self.assertEqual(only.ask(PING).status, 200)
            self.assert_unreachable(f"127.0.0.1:{server.port}", "503")


class Addresses(unittest.TestCase):
    def test_ways_to_name_a_server(self):
        with Server(listen=("127.0.0.1:0",)) as server:
            port = server.port
            for name in (f"localhost:{port}", f"http://127.0.0.1:{port}", server.url,
                         f"127.0.0.1:{port}/RPC2"):
                with self.subTest(name=name):
                    self.assertEqual(run(CLIENT, name, "ping").returncode, DONE)

    def test_ipv6(self):
        with Server(listen=("[::1]:0",)) as server:
            self.assertEqual(run(CLIENT, f"[::1]:{server.port}", "ping").returncode, DONE)


if __name__ == "__main__":
    unittest.main()
