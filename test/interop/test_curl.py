"""curl against the server: calls written by hand in XML, and HTTP itself."""
import io
import subprocess
import unittest

from lookout import (LookoutTest, PATIENCE, Server, call_body, environment, read_response)

PING = call_body("monitor.ping")


def curl(url, body, *options):
    """The responses to a POST of `body`, interim ones (100 Continue) among them."""
    command = ["curl", "-sS", "-i", "--max-time", str(PATIENCE), *options, url]
    if not any(option.startswith("Content-Type:") for option in options):
        command += ["-H", "Content-Type: text/xml"]
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(command, input=body, capture_output=True, env=environment())
    if done.returncode != 0:
        raise AssertionError(f"curl ended with status {done.returncode}: {done.stderr.decode()}")
    stream = io.BytesIO(done.stdout)
    return list(iter(lambda: read_response(stream), None))


def call(method, *values):
    """A call in XML as a person writes it: every value is the inside of <value>."""
    params = "\n".join(f"  <param><value>{value}</value></param>" for value in values)
    return ('<?xml version="1.0"?>\n<!-- by hand -->\n<methodCall>\n'
            f"  <methodName>{method}</methodName>\n <params>\n{params}\n </params>\n"
            "</methodCall>\n").encode("utf-8")


def struct(**members):
    inside = "".join(f"\n<member>\n<name>{name.lstrip('_')}</name>\n<value>{value}</value>\n"
                     "</member>" for name, value in members.items())
    return f"<struct>{inside}\n</struct>"


def array(*values):
    inside = "".join(f"\n<value>{value}</value>" for value in values)
    return f"<array>\n<data>{inside}\n</data>\n</array>"


def stooges(moe, larry, curly):
    return struct(moe=f"<int>{moe}</int>", larry=f"<i4>{larry}</i4>", curly=f"<i4>+{curly}</i4>")


class CurlTest(LookoutTest):
    options = ("--validator",)

    def ask(self, body, *options):
        """The response to `body`, once it was checked for what must hold of each."""
        *interim, response = curl(self.server.url, body, *options)
        for one in interim:
            self.assertEqual(one.status, 100)
        self.assert_closed_to_pages_from_elsewhere(response)
        return response

    def value(self, body, *options):
        response = self.ask(body, *options)
        self.assertEqual(response.status, 200)
        self.assertRegex(response.headers["content-type"], "^text/xml")
        return response.value()

    def assert_refused(self, status, text, body, *options):
        response = self.ask(body, *options)
        self.assertEqual(response.status, status)
        self.assertRegex(response.body.decode(), text)
        return response

    def assert_closed_to_pages_from_elsewhere(self, response):
        self.assertEqual([name for name in response.headers if name.startswith("access-control")],
                         [])


class Validator1(CurlTest):
    def test_array_of_structs(self):
        body = call("validator1.arrayOfStructsTest", array(stooges(1, 2, 3), stooges(4, 5, 60)))
        self.assertEqual(self.value(body), 63)

    def test_count_the_entities(self):
        body = call("validator1.countTheEntities",
                    "&lt;&lt;&gt;&amp;&#38;&apos;&quot;<![CDATA[<>&'\"]]>&#x1F600; plain")
        self.assertEqual(self.value(body), {
            "ctLeftAngleBrackets": 3, "ctRightAngleBrackets": 2, "ctAmpersands": 3,
            "ctApostrophes": 2, "ctQuotes": 2})

    def test_easy_struct(self):
        self.assertEqual(self.value(call("validator1.easyStructTest", stooges(-1, 20, 300))), 319)

    def test_echo_struct(self):
        body = call("validator1.echoStructTest",
                    struct(text="no type means <![CDATA[<string>]]> ", nested=stooges(1, 2, 3)))
        self.assertEqual(self.value(body), {"text": "no type means <string> ",
                                            "nested": {"moe": 1, "larry": 2, "curly": 3}})

    def test_many_types(self):
        body = call("validator1.manyTypesTest", "<i4>-7</i4>", "<boolean>1</boolean>",
                    "<string>&#252;</string>", "<double>-1.25</double>",
                    "<dateTime.iso8601>19980717T14:08:55</dateTime.iso8601>",
                    "<base64>AAH/\n/w==</base64>")
        *plain, date, data = self.value(body)
        self.assertEqual(plain, [-7, True, "ü", -1.25])
        self.assertEqual((date.value, data.data), ("19980717T14:08:55", b"\0\1\xff\xff"))

    def test_moderate_size_array(self):
        body = call("validator1.moderateSizeArrayCheck", array("first", *["x"] * 98, " last"))
        self.assertEqual(self.value(body), "first last")

    def test_nested_struct(self):
        april = struct(_04=struct(_01=stooges(1, 20, 300), _02=stooges(0, 0, 0)))
        body = call("validator1.nestedStructTest", struct(_1999=struct(), _2000=april))
        self.assertEqual(self.value(body), 321)

    def test_simple_struct_return(self):
        self.assertEqual(self.value(call("validator1.simpleStructReturnTest", "<int>007</int>")),
                         {"times10": 70, "times100": 700, "times1000": 7000})


class Print(CurlTest):
    def test_every_type(self):
        body = call("print", "<string>a &lt;b&gt; 😀</string>", "no type", "<int>42</int>",
                    "<i4>-5</i4>", "<i8>9007199254740993</i8>", "<double>0.5</double>",
                    "<boolean>0</boolean>", "<base64>aGVsbG8=</base64>", "<nil/>",
                    array("<i4>1</i4>", "two"), struct(a="<int>3</int>"),
                    "<dateTime.iso8601>20000229T00:00:00</dateTime.iso8601>")
        count, lines = self.server.printed_by(self.value, body)
        self.assertEqual(count, 12)
        self.assertEqual(lines[:11], [
            '1 string "a <b> 😀" 7 characters, 10 bytes',
            '2 string "no type" 7 characters',
            "3 int 42 square 1764",
            "4 int -5 square 25",
            "5 i8 9007199254740993 square 81129638414606699710187514626049",
            "6 double 0.5 square 0.25",
            "7 boolean false",
            '8 base64 "hello" 5 bytes',
            "9 nil",
            '10 array [1, "two"] 2 items',
            '11 struct {"a": 3} 1 member'])
        self.assertRegex(lines[11], r"^12 dateTime 2000-02-29T00:00:00 as UTC is \w+day 2000-0\d-")
        self.assertEqual(lines[12:], ["sum 9.00719925474103e+15 mean 2.25179981368526e+15 "
                                      "of 4 numbers"])


class Http(CurlTest):
    def test_wrong_content_type(self):
        for wrong in ("text/plain", "application/json", "text/xmlish", "multipart/form-data"):
            with self.subTest(type=wrong):
                self.assert_refused(415, "text/xml", PING, "-H", f"Content-Type: {wrong}")
        self.assert_refused(415, "text/xml", PING, "-H", "Content-Type:")  # none at all

    def test_right_content_types(self):
        for right in ("text/xml", "application/xml", "Text/XML; charset=utf-8"):
            with self.subTest(type=right):
                self.assertEqual(self.value(PING, "-H", f"Content-Type: {right}"), "pong")

    def test_other_verbs(self):
        for verb in ("GET", "PUT", "DELETE", "OPTIONS"):
            with self.subTest(verb=verb):
                response = self.assert_refused(405, "POST", None, "-X", verb)
                self.assertEqual(response.headers["allow"], "POST")

    def test_other_paths(self):
        for path in ("/nothing", "/RPC2/more", "/../etc/passwd", "/" + "x" * 3000):
            with self.subTest(path=path[:20]):
                self.assert_refused(404, "/RPC2", PING, "--path-as-is", "--request-target", path)

    def test_a_foreign_host(self):
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example"):
            with self.subTest(host=host):
                self.assert_refused(403, "--allow-host", PING, "-H", f"Host: {host}")

    def test_own_hosts(self):
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:18812", "192.0.2.1"):
            with self.subTest(host=host):
                self.assertEqual(self.value(PING, "-H", f"Host: {host}"), "pong")

    def test_a_host_that_is_allowed(self):
        with Server("--allow-host", "monitor.example") as server:
            for host, status in (("monitor.example", 200), ("Monitor.Example:8080", 200),
                                 ("other.example", 403)):
                with self.subTest(host=host):
                    response, = curl(server.url, PING, "-H", f"Host: {host}")
                    self.assertEqual(response.status, status)

    def test_a_foreign_origin(self):
        for origin in ("http://evil.example", "https://localhost", "null", "http://localhost:1"):
            with self.subTest(origin=origin):
                self.assert_refused(403, "Origin", PING, "-H", f"Origin: {origin}")

    def test_the_own_origin(self):
        origin = self.server.url.removesuffix("/RPC2")
        self.assertEqual(self.value(PING, "-H", f"Origin: {origin}"), "pong")

    def test_a_preflight_is_not_granted(self):
        self.assert_refused(405, "POST", None, "-X", "OPTIONS", "-H", "Origin: http://evil.example",
                            "-H", "Access-Control-Request-Method: POST")

    def test_too_large_a_body(self):
        self.assert_refused(413, r"(?i)body", b"x" * 600_000)
        self.assert_refused(413, r"(?i)body", b"x" * 600_000, "-H", "Transfer-Encoding: chunked")
        self.assert_refused(413, r"(?i)body", b"x" * 5_000_000, "-H", "Expect:")

    def test_the_largest_body_and_one_byte_more(self):
        def padded(length):
            return PING + b" " * (length - len(PING))

        with Server("--max-body", "1000K") as server:
            for length, status in ((1_024_000, 200), (1_024_001, 413)):
                for options in ((), ("-H", "Transfer-Encoding: chunked")):
                    with self.subTest(length=length, options=options):
                        *_, response = curl(server.url, padded(length), *options)
                        self.assertEqual(response.status, status)

    def test_too_large_a_head(self):
        self.assert_refused(431, "(?i)head", PING, "-H", "X-Long: " + "x" * 9000)
        self.assertEqual(self.value(PING, "-H", "X-Long: " + "x" * 7000), "pong")

    def test_a_large_body_is_asked_for(self):
        body = call("test.echo", "x" * 400_000)
        responses = curl(self.server.url, body, "-H", "Expect: 100-continue")
        self.assertEqual([response.status for response in responses], [100, 200])
        self.assertEqual(responses[1].value(), "x" * 400_000)

    def test_a_body_that_is_too_large_is_not_asked_for(self):
        responses = curl(self.server.url, b"x" * 600_000, "-H", "Expect: 100-continue")
        self.assertEqual([response.status for response in responses], [413])

    def test_a_chunked_body(self):
        body = call("test.echo", "ü" * 150_000)
        self.assertEqual(self.value(body, "-H", "Transfer-Encoding: chunked"), "ü" * 150_000)

    def test_http_1_0(self):
        response = self.ask(PING, "--http1.0")
        self.assertEqual((response.status, response.value()), (200, "pong"))

    def test_one_connection_for_several_urls(self):
        with Server() as server:
            responses = curl(server.url, PING, server.url, server.url)
            self.assertEqual([response.value() for response in responses], ["pong"] * 3)
            server.wait_for_line("disconnected on .* conn1 .* 3 calls .*")

    def test_a_query_is_ignored(self):
        self.assertEqual(self.value(PING, "--request-target", "/RPC2?key=value"), "pong")


if __name__ == "__main__":
    unittest.main()
