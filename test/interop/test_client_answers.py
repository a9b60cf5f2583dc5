"""The C client where what answers is not Lookout, or not the Lookout that it knows."""
import contextlib
import json
import socket
import threading
import unittest
import xmlrpc.client

from lookout import CLIENT, PATIENCE, run, stub_of

DONE, FAULT, USAGE, UNREACHABLE = range(4)


def rows(first, last):
    """Connections of these numbers, as monitor.getConnections has them."""
    return [{"id": f"conn{number}", "peer": "127.0.0.1:1", "since": 1795000000.5, "last": 0.0,
             "calls": 0, "faults": 0, "method": "", "state": "idle"}
            for number in range(first, last + 1)]


def refuse(*_):
    raise xmlrpc.client.Fault(-32500, "not today")


def page(events, following):
    return {"events": events, "next": following, "first": "1", "truncated": False}


@contextlib.contextmanager
def answers_of(*bodies):
    """The address of a server that answers its calls with these, one after the other.

    One that is empty is no answer: the connection ends.
    """
    def serve():
        for body in bodies:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                if body:
                    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n"
                                       b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(PATIENCE)


class AnswersTest(unittest.TestCase):
    def client(self, methods, *arguments, status=DONE, said=""):
        """What the client writes to stdout; on stderr it says what the pattern matches whole."""
        with stub_of(methods) as address:
            done = run(CLIENT, address, *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, rf"(?s)\A{said}\Z")
        return done.stdout

    def json(self, methods, *arguments):
        return json.loads(self.client(methods, "--json", *arguments))


class Status(AnswersTest):
    def shown(self, status):
        return self.client({"monitor.getStatus": lambda: status}, "status")

    def test_what_is_no_struct_is_shown_as_it_is(self):
        self.assertEqual(self.shown(42), "42\n")

    def test_members_it_does_not_know_are_shown(self):
        self.assertRegex(self.shown({"name": "other", "version": "1", "colour": "green"}),
                         r"\Aother 1 at .*\n\n *colour +green\n\Z")

    def test_what_is_missing_or_empty_is_a_dash(self):
        self.assertRegex(self.shown({"name": ""}), r"\A- - at ")

    def test_times_that_are_none_are_shown_as_they_are(self):
        shown = self.shown({"start": "at dawn", "now": "noon", "uptime": "long"})
        for word in ("at dawn", "noon", "long"):
            self.assertIn(word, shown)


class Connections(AnswersTest):
    def listed(self, connections, *arguments):
        """What the client shows of a server with these, which gives them in pages as Lookout."""
        asked = []

        def get_connections(after, limit):
            asked.append(after)
            start = next((i + 1 for i, one in enumerate(connections) if one["id"] == after), 0)
            return connections[start:start + limit]

        shown = self.client({"monitor.getConnections": get_connections}, *arguments, "connections")
        return asked, shown

    def test_all_pages_are_read_and_shown_as_one(self):
        for count, pages in ((0, [""]), (999, [""]), (1000, ["", "conn1000"]),
                             (2500, ["", "conn1000", "conn2000"])):
            with self.subTest(count=count):
                asked, shown = self.listed(rows(1, count), "--json")
                self.assertEqual(asked, pages)
                self.assertEqual(json.loads(shown), rows(1, count))

    def test_a_time_of_zero_was_never(self):
        _, shown = self.listed(rows(1, 1))
        self.assertRegex(shown.splitlines()[1],
                         r"^ *conn1 +127\.0\.0\.1:1 +\S.*\S +- +0 +0 +- +idle$")

    def test_a_time_that_is_none_is_shown_as_it_is(self):
        self.assertIn("yesterday", self.listed([{"id": "conn1", "since": "yesterday"}])[1])

    def test_a_server_that_repeats_itself_is_not_asked_for_ever(self):
        for last in ({}, {"id": 7}):  # without an id to go on after, too
            with self.subTest(last=last):
                same = rows(1, 999) + [last or rows(1000, 1000)[0]]
                shown = self.json({"monitor.getConnections": lambda *_, same=same: same},
                                  "connections")
                self.assertEqual(shown[:1000], same)

    def test_a_page_that_is_a_fault_makes_no_list(self):
        pages = iter([rows(1, 1000)])
        shown = self.client({"monitor.getConnections": lambda *_: next(pages, None) or refuse()},
                            "connections", status=FAULT, said=".*fault -32500: not today.*")
        self.assertEqual(shown, "")


class Methods(AnswersTest):
    def test_of_another_server_the_names_alone_are_listed(self):
        shown = self.client({"system.listMethods": lambda: ["add", "sub"]}, "methods")
        self.assertEqual(shown.split(), ["METHOD", "add", "sub"])

    def test_without_introspection_there_is_no_list(self):
        self.client({}, "methods", status=FAULT, said=".*fault.*")

    def test_what_was_never_called_has_no_times(self):
        stats = [{"method": "add", "calls": 0, "faults": 0, "seconds": 0.0, "p50": 0.0, "p99": 0.0,
                  "max": 0.0},
                 {"method": "sub", "calls": 4, "faults": 1, "seconds": 2.0, "p50": 0.5, "p99": 1.0,
                  "max": 1.0},
                 {"method": "mul", "calls": 2, "faults": 0, "seconds": "some"}]
        shown = self.client({"system.listMethods": lambda: ["add", "sub", "mul"],
                             "monitor.getMethodStats": lambda: stats}, "methods").splitlines()
        self.assertEqual(shown[1].split(), ["add", "0", "0", "-", "-", "-", "-"])
        self.assertEqual(shown[2].split()[:5], ["sub", "4", "1", "500", "ms"])
        self.assertEqual(shown[3].split(), ["mul", "2", "0", "-", "-", "-", "-"])

    def test_what_is_no_name_is_left_out(self):
        shown = self.json({"system.listMethods": lambda: ["add", 7, "sub"]}, "methods")
        self.assertEqual(shown, [{"method": "add"}, {"method": "sub"}])

    def test_a_server_that_goes_in_between_is_told(self):
        names = xmlrpc.client.dumps((["add"],), methodresponse=True).encode()
        with answers_of(names, b"") as address:
            done = run(CLIENT, address, "methods")
        self.assertEqual((done.returncode, done.stdout), (UNREACHABLE, ""))
        self.assertIn("no answer in HTTP", done.stderr)


class Help(AnswersTest):
    def helped(self, signatures, text):
        return self.client({"system.methodHelp": lambda _: text,
                            "system.methodSignature": lambda _: signatures}, "help", "add")

    def test_every_signature_has_its_line(self):
        shown = self.helped([["int", "int", "int"], ["double", "double"], ["nil"]], "Adds.")
        self.assertEqual(shown.splitlines(), ["  add(int, int) → int",
                                              "  add(double) → double",
                                              "  add() → nil", "", "  Adds."])

    def test_no_help_is_said(self):
        for text in ("", 7):
            with self.subTest(text=text):
                self.assertEqual(self.helped("undef", text), "  add(…)\n\n  (no help)\n")

    def test_a_server_without_signatures_has_no_help(self):
        self.client({"system.methodHelp": lambda _: "Adds."}, "help", "add", status=FAULT,
                    said=".*fault.*system.methodSignature.*")


class Others(AnswersTest):
    def test_one_argument_is_one(self):
        self.assertRegex(self.client({"print": lambda *_: 1}, "print", "x"),
                         "^1 argument printed on the terminal of ")

    def test_a_print_that_counts_nothing_is_shown_as_it_is(self):
        self.assertEqual(self.client({"print": lambda *_: "printed"}, "print", "x"), '"printed"\n')

    def test_a_long_fault_is_cut(self):
        for length, end in ((2000, "x\n.*"), (2001, "x…\n.*")):
            def fail(length=length):
                raise xmlrpc.client.Fault(1, "x" * length)
            with self.subTest(length=length):
                self.client({"fail": fail}, "call", "fail", status=FAULT,
                            said=f".* fault 1: {'x' * 1999}{end}")

    def test_pings_that_are_faults_end_at_once(self):
        shown = self.client({}, "ping", "--count", "3", "--interval", "0", status=FAULT,
                            said=".*fault.*")
        self.assertNotIn("seq=", shown)


class Events(AnswersTest):
    NO_EVENTS = ".*is it Lookout that listens there.*"

    def test_an_answer_that_has_none_is_told(self):
        for answer in ([], {"events": []}, {"next": "1"}, {"events": 7, "next": "1"},
                       {"events": [], "next": 1}):
            with self.subTest(answer=answer):
                self.client({"monitor.readEvents": lambda *_, answer=answer: answer}, "events",
                            status=FAULT, said=self.NO_EVENTS)

    def test_a_status_that_knows_of_none_is_told(self):
        for status in ({"name": "other"}, {"events": {"first": "1"}}, {"events": {"last": 5}}):
            with self.subTest(status=status):
                self.client({"monitor.getStatus": lambda status=status: status}, "events",
                            "--follow", status=FAULT, said=self.NO_EVENTS)

    def test_a_server_that_can_no_longer_be_understood_ends_it(self):
        """Other than one that is gone: to ask it again will not help."""
        answers = iter([page([{"id": "1", "type": "a", "data": ""}], "1")])
        shown = self.client({"monitor.waitEvents": lambda *_: next(answers, None) or [1]},
                            "--json", "events", "--follow", "--since", "0", status=FAULT,
                            said=self.NO_EVENTS)
        self.assertEqual(json.loads(shown)["id"], "1")

    def test_a_web_page_in_its_place_ends_it(self):
        first = page([{"id": "1", "type": "a", "data": ""}], "1")
        with answers_of(xmlrpc.client.dumps((first,), methodresponse=True).encode(),
                        b"<html>Welcome!</html>") as address:
            done = run(CLIENT, address, "--json", "events", "--follow", "--since", "0")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertEqual(json.loads(done.stdout)["id"], "1")
        self.assertRegex(done.stderr, r"\A.*the answer is not XML-RPC.*\n.*\n\Z")

    def test_an_event_that_has_nothing_takes_a_line(self):
        shown = self.client(
            {"monitor.readEvents": lambda after, *_: page([{}] * (not after), "1")}, "events")
        self.assertEqual(len(shown.splitlines()), 2)  # under the headings

    def test_fewer_wanted_than_there_are(self):
        limits = []

        def read_events(after, limit, _types):
            limits.append(limit)
            start = int(after or 0)
            return page([{"id": str(start + i + 1), "type": "a", "time": 0.0, "source": "s",
                          "data": i} for i in range(limit)], str(start + limit))

        shown = self.json({"monitor.readEvents": read_events}, "events", "--limit", "1001")
        self.assertEqual(([one["id"] for one in shown], limits),
                         ([str(i) for i in range(1, 1002)], [1000, 1]))


if __name__ == "__main__":
    unittest.main()
