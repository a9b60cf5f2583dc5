"""That each limit on the command line is the one that holds, and that what it ends is over."""
import errno
import resource
import signal
import socket
import threading
import time
import unittest
import xmlrpc.client

from lookout import PATIENCE, PING, Server, call_body, request


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
