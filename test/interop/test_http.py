"""The bytes of HTTP: however they arrive, and when they do not; and XML that means harm."""
import email.utils
import select
import socket
import struct
import threading
import time
import unittest
import xmlrpc.client

from lookout import LookoutTest, PATIENCE, PING, SLOW, Server, call_body, request

AT_ONCE = 2 * SLOW  # seconds: generous, to find what hangs rather than what is slow


def echo(value):
    return request(call_body("test.echo", value))


class Dates(LookoutTest):
    def test_the_date_is_now_in_the_form_of_http(self):
        """Of an answer, which Abyss writes, and of a refusal, which it does not."""
        refused = request(call_body("monitor.ping"), "Content-Type: text/plain")
        for status, sent in ((200, PING), (415, refused)):
            with self.subTest(status=status), self.server.connect() as connection:
                before = int(time.time())
                response = connection.ask(sent)
                self.assertEqual(response.status, status)
                date = response.headers["date"]
                said = email.utils.parsedate_to_datetime(date)
                self.assertEqual(email.utils.format_datetime(said, usegmt=True), date)
                self.assertTrue(before <= said.timestamp() <= time.time(), date)


class Splitting(LookoutTest):
    def test_ten_requests_in_one_send(self):
        with self.server.connect() as connection:
            connection.send(b"".join(echo(i) for i in range(10)))
            self.assertEqual([connection.read().value() for _ in range(10)], list(range(10)))

    def test_hundreds_of_requests_in_one_send(self):
        with self.server.connect() as connection:
            connection.send(b"".join(echo(i) for i in range(500)))
            self.assertEqual([connection.read().value() for _ in range(500)], list(range(500)))

    def test_a_request_byte_by_byte(self):
        with self.server.connect() as connection:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in echo("ü"):
                connection.send(bytes([byte]))
            self.assertEqual(connection.read().value(), "ü")

    def test_two_requests_split_anywhere(self):
        """A call on another connection gives the server time to read what came before the cut."""
        both = echo(1) + echo("two")
        with self.server.connect() as connection, self.server.connect() as other:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for cut in range(1, len(both)):
                connection.send(both[:cut])
                other.ask(PING)
                connection.send(both[cut:])
                self.assertEqual([connection.read().value(), connection.read().value()], [1, "two"])

    def test_a_chunked_request_split_anywhere(self):
        body = call_body("test.echo", "chunks")
        chunks = b"".join(b"%x;extension\r\n%s\r\n" % (len(part), part)
                          for part in (body[:1], body[1:40], body[40:]))
        whole = request(chunks + b"0\r\nTrailer: x\r\n\r\n", "Transfer-Encoding: chunked")
        with self.server.connect() as connection, self.server.connect() as other:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for cut in range(1, len(whole)):
                connection.send(whole[:cut])
                other.ask(PING)
                connection.send(whole[cut:])
                self.assertEqual(connection.read().value(), "chunks")

    def test_a_client_that_reads_late(self):
        """50 answers of 100 KB each do not fit the sockets; the server waits for its client."""
        text = "x" * 100_000
        with self.server.connect() as connection, self.server.connect() as other:
            sender = threading.Thread(target=connection.send, args=(echo(text) * 50,))
            sender.start()
            select.select([connection.socket], [], [], PATIENCE)  # the first answer is there
            self.assertEqual(other.ask(PING).value(), "pong")
            for _ in range(50):
                self.assertEqual(connection.read().value(), text)
            sender.join()


class KeepingAndClosing(LookoutTest):
    def test_http_1_0_closes(self):
        with self.server.connect() as connection:
            response = connection.ask(request(call_body("monitor.ping"), version="1.0"))
            self.assertEqual(response.value(), "pong")
            self.assertIsNone(connection.read())

    def test_http_1_0_without_a_host(self):
        body = call_body("monitor.ping")
        head = ("POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        with self.server.connect() as connection:
            self.assertEqual(connection.ask(head.encode() + body).value(), "pong")

    def test_connection_close(self):
        with self.server.connect() as connection:
            response = connection.ask(request(call_body("monitor.ping"), "Connection: close"))
            self.assertEqual(response.value(), "pong")
            self.assertEqual(response.headers["connection"].lower(), "close")
            self.assertIsNone(connection.read())

    def test_half_closed_after_requests(self):
        with self.server.connect() as connection:
            connection.send(echo(1) + echo(2))
            connection.socket.shutdown(socket.SHUT_WR)
            self.assertEqual([connection.read().value(), connection.read().value()], [1, 2])
            self.assertIsNone(connection.read())

    def test_half_closed_within_a_request(self):
        with Server() as server, server.connect() as connection:
            connection.send(PING[:-1])
            connection.socket.shutdown(socket.SHUT_WR)
            self.assertIsNone(connection.read())
            server.wait_for_line("disconnected on .* conn1 .* 0 calls .*")

    def test_reset_within_a_request_and_within_an_answer(self):
        with Server() as server:
            for data in (PING[:-1], echo("x" * 500_000)):
                connection = server.connect()
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                             struct.pack("ii", 1, 0))
                connection.send(data)
                connection.close()
            server.wait_for_line("disconnected on .* conn1 .*")
            server.wait_for_line("disconnected on .* conn2 .*")
            with server.connect() as connection:
                self.assertEqual(connection.ask(PING).value(), "pong")

    def test_nothing_is_read_after_a_refusal(self):
        """Else what a stranger put into a body might be taken for a request of its own."""
        for bad in (b"GET /RPC2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    request(b"x", "Content-Length: 1", "Content-Length: 2"),
                    request(b"1\r\nx\r\n0\r\n\r\n", "Transfer-Encoding: chunked",
                            "Content-Length: 11"),
                    request(b"x", "Foo : bar"), request(b"x", "Foo: bar\r\n folded"),
                    PING.replace(b"\r\n", b"\n", 2), request(b"x", "Content-Length: -1"),
                    request(b"x", "Content-Length: 1, 1"), b"\0\0\0\0\r\n\r\n",
                    request(b"", "Content-Length: 99999999999999999999999")):
            with self.subTest(bad=bad), self.server.connect() as connection:
                response = connection.ask(bad + PING)
                self.assertIn(response.status, (400, 405, 413))
                self.assertEqual(response.headers["connection"].lower(), "close")
                self.assertIsNone(connection.read())

    def test_a_refusal_reaches_a_client_that_sends_on(self):
        """Python sends all before it reads, and most of it comes when the answer has been sent.

        If the server closed then, Python would say "broken pipe" instead of what was wrong.
        """
        for size in (600_000, 20_000_000):
            with self.subTest(size=size), self.server.proxy() as proxy:
                with self.assertRaises(xmlrpc.client.ProtocolError) as caught:
                    proxy.print("x" * size)
                self.assertEqual(caught.exception.errcode, 413)


class Deadlines(LookoutTest):
    TIME = 1.0  # far more than a client here needs for what it says at once
    options = ("--request-timeout", str(TIME), "--keepalive", str(TIME))

    def assert_timed_out(self, data, trickle=b""):
        """408 so long after the first byte, however the rest trickles in."""
        with self.server.connect() as connection:
            began = time.monotonic()
            connection.send(data)
            for byte in trickle:
                if select.select([connection.socket], [], [], 0.05)[0]:
                    break
                connection.send(bytes([byte]))
            response = connection.read()
            self.assertEqual(response.status, 408)
            self.assertIsNone(connection.read())
            self.assert_in_time(began)

    def assert_in_time(self, began):
        self.assertGreater(time.monotonic() - began, self.TIME - 0.01)  # whole milliseconds
        self.assertLess(time.monotonic() - began, self.TIME + AT_ONCE)

    def test_a_head_that_does_not_come(self):
        self.assert_timed_out(b"POST /RPC2 HTTP/1.1\r\nHo")

    def test_a_head_that_trickles(self):
        self.assert_timed_out(b"POST /RPC2 HTTP/1.1\r\n", b"X-Slow: " + b"x" * 1000)

    def test_a_body_that_does_not_come(self):
        self.assert_timed_out(PING[:-1])

    def test_a_body_that_trickles(self):
        self.assert_timed_out(request(b"<methodCall>", "Content-Length: 5000"), b" " * 1000)

    def test_an_idle_connection(self):
        with self.server.connect() as connection:
            began = time.monotonic()
            self.assertEqual(connection.ask(PING).value(), "pong")
            self.assertIsNone(connection.read())
            self.assert_in_time(began)

    def test_a_connection_that_never_says_a_thing(self):
        began = time.monotonic()
        with self.server.connect() as connection:
            self.assertIsNone(connection.read())
            self.assert_in_time(began)

    def test_a_method_may_take_longer_than_a_request(self):
        with self.server.connect() as connection:
            response = connection.ask(request(call_body("test.sleep", 2 * self.TIME)))
            self.assertEqual(response.value(), 2 * self.TIME)


class Hostile(LookoutTest):
    """Each is a fault at once, on a server that lives on."""

    def assert_fault_at_once(self, code, text, body):
        with self.server.connect() as connection:
            began = time.monotonic()
            response = connection.ask(request(body))
            self.assertLess(time.monotonic() - began, AT_ONCE)
            self.assertEqual(response.status, 200)
            self.assert_fault(code, text, response.value)
            self.assertEqual(connection.ask(PING).value(), "pong")

    def call(self, value):
        return ("<?xml version='1.0'?><methodCall><methodName>test.echo</methodName><params><param>"
                f"<value>{value}</value></param></params></methodCall>").encode()

    def test_a_nest_of_elements(self):
        self.assert_fault_at_once(-32600, "deep", b"<a>" * 3000)
        self.assert_fault_at_once(-32600, "deep", b"<a>" * 3000 + b"</a>" * 3000)

    def test_a_nest_of_arrays(self):
        nest = "<array><data><value>" * 2000 + "</value></data></array>" * 2000
        self.assert_fault_at_once(-32600, "deep", self.call(nest))

    def test_very_many_elements(self):
        self.assert_fault_at_once(-32600, "(?i)elements", b"<a>" + b"<b/>" * 70_000 + b"</a>")

    def test_an_entity_bomb(self):
        levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
        bomb = f'<!DOCTYPE b [<!ENTITY e0 "ha">{levels}]>'
        body = self.call("<string>&e9;</string>").replace(b"<methodCall>",
                                                          bomb.encode() + b"<methodCall>")
        self.assert_fault_at_once(-32600, "DOCTYPE", body)

    def test_an_external_entity(self):
        doctype = b'<!DOCTYPE b [<!ENTITY e SYSTEM "file:///etc/passwd">]><methodCall>'
        body = self.call("<string>&e;</string>").replace(b"<methodCall>", doctype)
        self.assert_fault_at_once(-32600, "DOCTYPE", body)

    def test_integers_that_are_none(self):
        for kind, text in (("i8", "abc"), ("i8", "9223372036854775808"), ("int", "2147483648"),
                           ("i4", ""), ("i4", "1x"), ("i4", "0x10"), ("int", "1 "), ("int", "--1")):
            with self.subTest(kind=kind, text=text):
                self.assert_fault_at_once(-32600, kind, self.call(f"<{kind}>{text}</{kind}>"))

    def test_doubles_that_are_none(self):
        for text in ("inf", "-inf", "nan", "INFINITY", "1e999", "0x1p3", "", "1,5", "1.5.", "--1"):
            with self.subTest(text=text):
                self.assert_fault_at_once(-32600, "double",
                                          self.call(f"<double>{text}</double>"))

    def test_other_values_that_are_none(self):
        for value in ("<boolean>2</boolean>", "<strange/>",
                      "<dateTime.iso8601>yesterday</dateTime.iso8601>",
                      "<array><value/></array>", "<struct><member/></struct>"):
            with self.subTest(value=value):
                self.assert_fault_at_once(-32600, "not an XML-RPC call", self.call(value))

    def test_a_multicall_that_is_too_long(self):
        calls = [{"methodName": "monitor.ping", "params": []}] * 1001
        self.assert_fault_at_once(-32602, "1,?000", call_body("system.multicall", calls))


if __name__ == "__main__":
    unittest.main()
