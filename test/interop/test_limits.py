"""That each limit on the command line is the one that holds, and that what it ends is over."""
import contextlib
import errno
import resource
import select
import signal
import socket
import threading
import time
import unittest
import xmlrpc.client

from lookout import PATIENCE, PING, Server, call_body, read_events, request, wait_until


def nested(arrays):
    """A call with so many arrays inside one another, each of three elements."""
    xml = "<string>x</string>"
    for _ in range(arrays):
        xml = f"<array><data><value>{xml}</value></data></array>"
    return ("<methodCall><methodName>test.echo</methodName><params><param><value>"
            f"{xml}</value></param></params></methodCall>").encode()


class Xml(unittest.TestCase):
    def assert_limited(self, option, fitting, too_much):
        """The body that just fits is answered, the other one is refused as a request."""
        with Server(*option) as server, server.connect() as connection:
            connection.ask(request(fitting)).value()
            with self.assertRaises(xmlrpc.client.Fault) as caught:
                connection.ask(request(too_much)).value()
            self.assertEqual(caught.exception.faultCode, -32600)
            self.assertIn(option[1], caught.exception.faultString)

    def test_depth(self):
        """methodCall, params, param, value, the arrays, and string."""
        self.assert_limited(("--max-depth", "17"), nested(4), nested(5))

    def test_elements(self):
        """methodCall, methodName, params, and two for each parameter."""
        def body(count):
            return call_body("print", *["x"] * count).replace(b"<string>", b"").replace(
                b"</string>", b"")
        self.assert_limited(("--max-elements", "23"), body(10), body(11))


class Buffers(unittest.TestCase):
    """What connections keep all together, of requests and of answers."""
    ECHO = request(call_body("test.echo", "x" * 300_000))
    OPTIONS = ("--max-buffered", "1M", "--request-timeout", "3600")  # so three fit, and four do not

    def test_requests_that_are_slow_to_arrive(self):
        with Server(*self.OPTIONS) as server:
            for _ in range(3):  # as much is free again each time
                slow = [server.connect() for _ in range(4)]
                for client in slow:
                    client.send(self.ECHO[:-1])
                # Others than the first may come to grief before that has given up.
                self.await_refusal(slow)
                for client in slow:
                    client.send(self.ECHO[-1:])
                answers = [client.read() for client in slow]
                refusals = [answer.body for answer in answers if answer.status == 503]
                self.assertIn(len(refusals), (1, 2, 3))
                self.assertIn(b"--max-buffered", refusals[0])
                self.assertEqual([answer.status for answer in answers].count(200),
                                 4 - len(refusals))
                for client in slow:
                    client.close()

    def await_refusal(self, clients):
        readable, _, _ = select.select([client.socket for client in clients], [], [], PATIENCE)
        self.assertTrue(readable)

    def test_answers_that_are_slow_to_be_read(self):
        def deaf(server):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.connect((server.host, server.port))
            client.sendall(self.ECHO)
            return self.enterContext(client)

        with Server(*self.OPTIONS) as server, server.proxy() as proxy:
            clients = [deaf(server) for _ in range(40)]
            wait_until(lambda: proxy.monitor.getStatus()["connections"]["open"] < 20,
                       "more is buffered than may be")
            self.assertGreater(proxy.monitor.getStatus()["connections"]["open"], 1)
            for client in clients:
                client.close()
            wait_until(lambda: proxy.monitor.getStatus()["connections"]["open"] == 1,
                       "they are not let go")
            self.assertEqual(proxy.test.echo("x" * 300_000), "x" * 300_000)


    def test_an_answer_that_is_held_and_too_large_is_said_to_be(self):
        """What it has recorded is recorded, and is not to be sent again."""
        calls = [{"methodName": "print", "params": ["once"]},
                 *[{"methodName": "monitor.readEvents", "params": ["", 1, ["large"]]}] * 6]
        with Server(*self.OPTIONS) as server, server.connect() as client:
            with server.proxy() as proxy:
                proxy.monitor.sendEvent("large", "x" * 240_000)
            response = client.ask(request(call_body("system.multicall", calls)))
            self.assertEqual(response.status, 500)
            self.assertIn(b"was carried out", response.body)
            self.assertIn(b"--max-buffered", response.body)
            with server.proxy() as proxy:
                self.assertEqual([one["data"] for one in read_events(proxy, "print")], [["once"]])


class Kernel(unittest.TestCase):
    """What the kernel keeps for a client is in no budget: neither much, nor for long."""

    FIN_WAIT_1 = 4

    def sockets(self, server):
        """(the client's port, state, bytes that were not read) of the server's sockets."""
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return [(int(row[2].split(":")[1], 16), int(row[3], 16), int(row[4].split(":")[1], 16))
                for row in rows if int(row[1].split(":")[1], 16) == server.port]

    def test_what_is_closed_unread_does_not_stay(self):
        with Server("--request-timeout", "1") as server:
            with server.proxy() as proxy:
                proxy.monitor.sendEvent("large", "x" * 55_000)
            ask = request(call_body("monitor.readEvents", "", 1, ["large"]), "Connection: close")

            def count():
                return sum(state == self.FIN_WAIT_1 for _, state, _ in self.sockets(server))
            for _ in range(5):
                client = self.enterContext(socket.socket())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                client.connect((server.host, server.port))
                client.sendall(ask)
            wait_until(lambda: count() == 5, "the answers were read, or not sent")
            wait_until(lambda: count() == 0, "they stay in the kernel")

    def test_what_is_sent_while_it_waits_is_little(self):
        large = request(call_body("monitor.ping") + b" " * 500_000)
        with Server() as server, server.connect() as client:
            for _ in range(50):  # for which the kernel would make room
                client.ask(large)
            client.send(request(call_body("monitor.waitEvents", "", 1, 600, ["none"])))
            client.socket.setblocking(False)
            while select.select([], [client.socket], [], 0.5)[1]:
                with contextlib.suppress(BlockingIOError):
                    client.socket.send(b"x" * 65536)
            port = client.socket.getsockname()[1]
            # The kernel's table may show one twice when it changes while it is read.
            unread = {unread for peer, _, unread in self.sockets(server) if peer == port}
            self.assertLess(max(unread), 200_000)


class Endings(unittest.TestCase):
    def test_a_refused_client_that_stays_is_let_go(self):
        """It is given time to read the answer, and no more."""
        with Server() as server, server.connect() as stays, server.proxy() as proxy:
            wrong = request(call_body("monitor.ping"), "Content-Type: text/plain")
            self.assertEqual(stays.ask(wrong).status, 415)
            deadline = time.monotonic() + PATIENCE
            while proxy.monitor.getStatus()["connections"]["open"] > 1:
                self.assertLess(time.monotonic(), deadline)

    def test_a_client_that_does_not_read_is_let_go(self):
        """It asks for more than the sockets hold, and the response has its time as the rest has."""
        with Server("--request-timeout", "0.5") as server, server.connect() as deaf, \
                server.proxy() as proxy:
            proxy.monitor.ping()
            sender = threading.Thread(target=self.send_until_cut, args=(deaf,))
            sender.start()
            sender.join(PATIENCE)
            self.assertFalse(sender.is_alive())
            deadline = time.monotonic() + PATIENCE
            while proxy.monitor.getStatus()["connections"]["open"] > 1:
                self.assertLess(time.monotonic(), deadline)

    def test_an_answer_that_is_hardly_read_has_its_time(self):
        """One answer: the kernel must not take it all for who reads a byte now and then."""
        with Server("--request-timeout", "0.5") as server, socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            slow.settimeout(PATIENCE)
            slow.connect((server.host, server.port))
            slow.sendall(request(call_body("test.echo", "x" * 300_000)))
            began = time.monotonic()
            # What was received before the reset can be read after it, so it is asked for.
            while slow.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != errno.ECONNRESET:
                self.assertLess(time.monotonic() - began, PATIENCE)
                self.assertEqual(len(slow.recv(1)), 1)
                time.sleep(0.05)
            self.assertGreater(time.monotonic() - began, 0.5)

    def send_until_cut(self, client):
        try:
            for _ in range(1000):
                client.send(request(call_body("test.echo", "x" * 400_000)))
        except OSError:
            pass

    def test_refused_clients_never_were_connected(self):
        with Server("--max-connections", "1") as server, server.connect() as one:
            one.ask(PING)
            with server.connect() as refused:
                self.assertEqual(refused.read().status, 503)
                self.assertIsNone(refused.read())
            server.stop()
            self.assertFalse([line for line in server.lines() if "conn0" in line])
            self.assertEqual(sum("connected on" in line for line in server.lines()), 2)

    def test_a_second_ctrl_c_ends_at_once(self):
        with Server() as server, server.connect() as slow:
            slow.send(request(call_body("test.sleep", 60.0)))
            server.wait_until_runs("test.sleep")
            server.process.send_signal(signal.SIGINT)
            while True:  # until it has begun to stop: then nobody can connect
                try:
                    server.connect().close()
                except OSError:
                    break
            while server.process.poll() is None:
                server.process.send_signal(signal.SIGINT)
            self.assertEqual(server.process.returncode, -signal.SIGINT)
            server.kill()
            server.stop = lambda: None


class Descriptors(unittest.TestCase):
    def test_accepting_goes_on_once_there_are_descriptors_again(self):
        with Server(expect_stderr=["cannot accept connections for now: Too many open files"]
                    ) as server, server.connect() as first:
            first.ask(PING)
            pid = server.process.pid
            limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
            with server.connect() as waiting:
                waiting.send(PING)
                server.stderr.wait_for(".*cannot accept connections.*", PATIENCE)
                self.assertEqual(first.ask(PING).value(), "pong")
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
                self.assertEqual(waiting.read().value(), "pong")
            with server.proxy() as proxy:
                self.assertEqual(proxy.monitor.ping(), "pong")


if __name__ == "__main__":
    unittest.main()
