"""The terminal as a victim: what clients send acts on none, neither the server's nor a client's.

test_terminal.c has a million strings for what escapes them; here tens of thousands go all the way.
"""
import json
import random
import re
import unittest
import xmlrpc.client

from lookout import CLIENT, LookoutTest, call_body, request, run
from terminal import NASTY, assert_harmless, assert_shown

PIECES = ["\x1b[2J", "\x1b]0;x\a", "\x9b2J", "\x9d0;x\x9c", "\x85", "\x90", "\u202e", "\u2066",
          "\u2028", "\u2029", "\u200f", "\u061c", "\ufeff", "\x7f", "\b", "\r", "\n", "\t", "\0",
          "\r\nconnected on 2026-01-01 00:00:00.000 conn1 127.0.0.1:1", '"', "\\", "\\n", "…",
          "%s%n", "a", "ü", "א", "\U0001f600", "\U0010ffff", " ", "{", "["]

# XML 1.0, section 2.2; a CR would come back as the LF that ends lines.
NOT_XML = re.compile("[\0-\x08\x0b-\x1f\ufffe\uffff]")


def nasty_strings(count, seed, pattern=NOT_XML):
    """Strings of nasty pieces, without what the pattern finds; the same at each run."""
    chance = random.Random(seed)
    for _ in range(count):
        text = "".join(chance.choices(PIECES, k=chance.randrange(12)))
        yield pattern.sub("", text)


class Terminal(LookoutTest):
    options = ("--log-level", "debug", "--max-body", "4M")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.expect_stderr = [
            "^lookout: debug: conn[0-9]+ [0-9.:]+ refused with ", "^lookout: info: stopping"]

    def tearDown(self):
        """Whatever was sent."""
        assert_shown(self.server.lines())
        for line in self.server.stderr.all():
            assert_harmless(line)

    def test_twenty_thousand_strings_printed(self):
        """As strings, as bytes, as names and values of structs, a hundred a call."""
        shown = 0
        with self.server.proxy() as proxy:
            for seed in range(200):
                texts = list(nasty_strings(25, seed))
                raw = [xmlrpc.client.Binary(text.encode()) for text in nasty_strings(
                    25, seed, re.compile("$^"))]
                structs = [{text: [text, data]} for text, data in zip(texts, raw)]
                arguments = [*texts, *raw, *structs, *texts]
                _, lines = self.server.printed_by(proxy.print, *arguments)
                shown += sum(re.match(r"\d+ (string|base64|struct) ", line) is not None
                             for line in lines)
        self.assertEqual(shown, 200 * 100)

    def test_methods_of_ten_thousand_names(self):
        with self.server.connect() as connection:
            for seed in range(10):
                calls = [{"methodName": "x" + name, "params": []}
                         for name in nasty_strings(1000, seed)]
                faults = connection.ask(request(call_body("system.multicall", calls))).value()
                self.assertEqual({fault["faultCode"] for fault in faults}, {-32601})
                for fault in faults:
                    assert_harmless(fault["faultString"])

    def test_a_thousand_values_of_headers(self):
        """What has no CR and LF is refused for its Host; all else for its lines."""
        for text in nasty_strings(1000, 1, re.compile("\r\n.*")):
            bad = b"POST /" + text.encode() + b" HTTP/1.1\r\nHost: " + text.encode() + b"\r\n\r\n"
            with self.server.connect() as connection:
                response = connection.ask(bad)
                self.assertIn(response.status, (400, 403, 404))
                assert_harmless(response.body.decode().rstrip("\n"))

    def test_strings_of_a_megabyte(self):
        """More than an event holds, so that nothing is printed; and as a name of a method."""
        with self.server.proxy() as proxy:
            for piece in ("\x9b2J", "\u202e", "\u2028", "\n", '"', "\\"):
                text = piece * (1_000_000 // len(piece.encode()))
                self.assert_fault(-32602, "max-event", proxy.print, text)
                self.assert_fault(-32602, "type", proxy.monitor.sendEvent, text)
                self.assert_fault(-32602, "max-event", proxy.monitor.sendEvent, "nasty", text)
                with self.assertRaises(xmlrpc.client.Fault) as caught:
                    getattr(proxy, text)()
                assert_harmless(caught.exception.faultString)

    def test_types_of_events(self):
        with self.server.proxy() as proxy:
            for text in nasty_strings(200, 2):
                if NASTY.search(text):
                    with self.assertRaises(xmlrpc.client.Fault) as caught:
                        proxy.monitor.sendEvent("x" + text)
                    assert_harmless(caught.exception.faultString)

    def client(self, *arguments, status=0):
        """What the client says. Each of its lines must be harmless."""
        done = run(CLIENT, f"127.0.0.1:{self.server.port}", *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        for line in (done.stdout + done.stderr).split("\n"):
            assert_harmless(line)
        return done.stdout

    def test_what_the_client_shows(self):
        """Events and their data, who is connected, what methods return, and faults."""
        texts = list(nasty_strings(2000, 3))
        with self.server.proxy() as proxy:
            proxy.monitor.sendEvent("nasty", {"texts": texts})
            for text in texts[:500]:
                proxy.monitor.sendEvent("nasty", text)
                proxy.monitor.sendEvent("nasty", {text: xmlrpc.client.Binary(text.encode())})
        shown = self.client("events", "--type", "nasty")
        self.assertEqual(shown.count("\n"), 1 + 1001)
        events = json.loads(self.client("--json", "events", "--type", "nasty"))
        self.assertEqual([event["data"] for event in events[1::2]], texts[:500])
        self.client("connections")
        for text in texts[:20]:
            self.client("call", "x" + text.replace("\0", ""), status=1)
            self.client("call", "test.echo", "s/" + text)


if __name__ == "__main__":
    unittest.main()
