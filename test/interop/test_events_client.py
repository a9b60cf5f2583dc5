"""The C client's events: to send, to read and to follow them, across whatever the server does."""
import json
import signal
import socket
import subprocess
import time
import unittest
import xmlrpc.client

from lookout import (CLIENT, Lines, PATIENCE, Server, environment, read_events, run,
                     stub_of, wait_for_waiters, wait_until)

DONE, FAULT, USAGE, UNREACHABLE = range(4)


def address(server):
    return f"127.0.0.1:{server.port}"


def send_many(proxy, count, kind="numbered"):
    """Sends so many events, 500 in a call; their ids."""
    ids = []
    for start in range(0, count, 500):
        calls = xmlrpc.client.MultiCall(proxy)
        for number in range(start, min(start + 500, count)):
            calls.monitor.sendEvent(kind, number)
        ids += calls()
    return ids


class Follower:
    """A client that follows; killed at the end, unless it has ended."""

    def __init__(self, server, *arguments):
        self.process = subprocess.Popen(
            [CLIENT, address(server), "--json", "events", "--follow", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment())
        self.stdout, self.stderr = Lines(self.process.stdout), Lines(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
            self.ended()

    def events(self):
        return [json.loads(line) for line in self.stdout.all()]

    def wait_for(self, count):
        wait_until(lambda: len(self.stdout.all()) >= count, f"there are not {count} events")
        return self.events()

    def ended(self):
        """The status, once it has ended."""
        self.process.wait(PATIENCE)
        self.stdout.join()
        self.stderr.join()
        return self.process.returncode

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.ended()


class EventsTest(unittest.TestCase):
    options = ()

    def setUp(self):
        self.server = self.enterContext(Server(*self.options))
        self.proxy = self.enterContext(self.server.proxy())
        wait_until(lambda: read_events(self.proxy), "server.start is not recorded")

    def client(self, *arguments, status=DONE, said=""):
        """What the client writes to stdout; to stderr, when all is well, it writes `said`."""
        done = run(CLIENT, address(self.server), *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        if status == DONE:
            self.assertRegex(done.stderr, rf"\A{said}\Z")
        else:
            self.assertNotEqual(done.stderr, "")
        return done.stdout

    def json(self, *arguments, **expected):
        return json.loads(self.client("--json", *arguments, **expected))

    def follow(self, *arguments):
        return self.enterContext(Follower(self.server, *arguments))


class Send(EventsTest):
    def test_what_is_sent_is_recorded_under_the_id_shown(self):
        shown = [self.client("send", "door.open", "struct/{door:i/3}").rstrip("\n"),
                 self.json("send", "door.shut", "plain text"), self.json("send", "quiet")]
        self.assertEqual([(event["id"], event["type"], event["data"])
                          for event in read_events(self.proxy)[1:]],
                         list(zip(shown, ("door.open", "door.shut", "quiet"),
                                  ({"door": 3}, "plain text", ""))))

    def test_what_is_refused(self):
        for arguments, status in ((["i/42"], FAULT), (["server.stop"], FAULT), ([""], FAULT),
                                  (["fine", "i/x"], USAGE), ([], USAGE), (["a", "b", "c"], USAGE)):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.client("send", *arguments, status=status), "")
        self.assertEqual(len(read_events(self.proxy)), 1)  # server.start


class Read(EventsTest):
    def test_json_is_an_array_of_all(self):
        self.assertEqual([event["type"] for event in self.json("events")], ["server.start"])
        for value in (42, "x\n\"y\" 😀", 0.1, True, [1, ["two"]], {"a": {"b": 3}}):
            self.proxy.monitor.sendEvent("value", value)
        self.assertEqual(self.json("events"), read_events(self.proxy))

    def test_none_is_an_empty_array(self):
        self.assertEqual(self.json("events", "--type", "none"), [])

    def test_the_table(self):
        sent = self.proxy.monitor.sendEvent("door.open", {"door": 3, "by": "\x9b2J\u202e"})
        self.proxy.monitor.sendEvent("long", "x" * 5000)
        heading, _, door, long = self.client("events").splitlines()
        self.assertEqual(heading.split(), ["ID", "TIME", "TYPE", "SOURCE", "DATA"])
        self.assertRegex(door, rf"^ +{sent}  \d+-\d\d-\d\d \d\d:\d\d:\d\d\.\d\d\d  door\.open +"
                               r"conn\d+ +door 3, by \\u009b2J\\u202e$")
        self.assertEqual(door.index("door 3"), heading.index("DATA"))
        self.assertTrue(long.endswith("x" * 5000))  # uncut where no terminal would break it

    def test_more_than_a_page(self):
        ids = send_many(self.proxy, 2500)
        self.assertEqual([event["id"] for event in self.json("events")][1:], ids)
        self.assertEqual([event["id"] for event in self.json("events", "--limit", "1501")][1:],
                         ids[:1500])
        self.assertEqual(len(self.json("events", "--limit", "1000")), 1000)

    def test_more_than_an_answer_holds(self):
        for letter in "abcdefgh":
            self.proxy.monitor.sendEvent("large", letter * 200000)
        self.assertEqual([event["data"][0] for event in self.json("events", "--type", "large")],
                         list("abcdefgh"))

    def test_since_and_type(self):
        ids = [self.proxy.monitor.sendEvent(kind) for kind in "abcabc"]
        for options, expected in ((["--since", ids[3]], ids[4:]), (["--since", ids[5]], []),
                                  (["--type", "b"], [ids[1], ids[4]]),
                                  (["--type", "a", "--type", "c", "--since", ids[0]],
                                   [ids[2], ids[3], ids[5]])):
            with self.subTest(options=options):
                self.assertEqual([event["id"] for event in self.json("events", *options)], expected)
        self.assertGreater(len(self.json("events", "--type", "connect")), 0)

    def test_mistakes(self):
        for arguments, status in ((["events", "--since", "x"], FAULT),
                                  (["events", "--type", "no type"], FAULT),
                                  (["events", "--limit", "0"], USAGE),
                                  (["events", "--limit", "x"], USAGE),
                                  (["events", "extra"], USAGE), (["ping", "--follow"], USAGE),
                                  (["events", "--count", "1"], USAGE),
                                  (["status", "--since", "1"], USAGE),
                                  (["events", *["--type", "x"] * 33], USAGE)):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.client("--json", *arguments, status=status), "")


class Pruned(EventsTest):
    options = ("--keep-events", "5")

    def test_what_is_missing_is_told(self):
        early = self.proxy.monitor.sendEvent("early")
        send_many(self.proxy, 20)
        wait_until(lambda: self.proxy.monitor.readEvents(early, 1)["truncated"], "nothing pruned")
        self.client("events", "--since", early, said=f".*missing.* {early}\n")
        self.client("events", "--since", "0")  # the start is what there is
        self.client("events")
        with Follower(self.server, "--since", early, "--limit", "1") as follower:
            self.assertEqual(follower.ended(), DONE)
            self.assertRegex("\n".join(follower.stderr.all()), f"^.*missing.* {early}$")


class Pages(unittest.TestCase):
    def test_an_empty_page_is_not_the_last_when_its_cursor_moved(self):
        event = {"id": "7", "time": 1.5, "type": "a", "source": "conn1", "data": ""}
        pages = {"": ([], "5"), "5": ([event], "7"), "7": ([], "9"), "9": ([], "9")}

        def read_events_of_stub(after, _limit, _types):
            events, following = pages[after]
            return {"events": events, "next": following, "first": "1", "truncated": False}

        with stub_of({"monitor.readEvents": read_events_of_stub}) as address_of_stub:
            done = run(CLIENT, address_of_stub, "--json", "events")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertEqual(json.loads(done.stdout), [event])


class Journal(unittest.TestCase):
    def test_a_journal_that_cannot_be_read_for_a_while_ends_nothing(self):
        answers = iter([[], xmlrpc.client.Fault(-32500, "the journal cannot be read: no"),
                        xmlrpc.client.Fault(-32500, "the journal cannot be read: no"), ["1"], ["2"]])

        def wait_events_of_stub(after, _limit, _timeout, _types):
            answer = next(answers)
            if isinstance(answer, xmlrpc.client.Fault):
                raise answer
            events = [{"id": number, "time": 1.5, "type": "a", "source": "conn1", "data": ""}
                      for number in answer]
            return {"events": events, "next": answer[-1] if answer else after, "first": "1",
                    "truncated": False}

        with stub_of({"monitor.waitEvents": wait_events_of_stub}) as address_of_stub:
            done = run(CLIENT, address_of_stub, "--json", "events", "--follow", "--since", "0",
                       "--limit", "2")
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertEqual([json.loads(line)["id"] for line in done.stdout.splitlines()], ["1", "2"])
        self.assertRegex(done.stderr, r"\A.*lost.*cannot be read.*\n.*back, going on after.*\n\Z")


class Follow(EventsTest):
    def test_new_ones_come_as_they_happen(self):
        self.proxy.monitor.sendEvent("before")
        follower = self.follow()
        wait_for_waiters(self.proxy, 1)
        for count in range(1, 4):  # each is awaited: none is held back by the next
            sent = self.proxy.monitor.sendEvent("now", count)
            self.assertEqual(follower.wait_for(count)[-1]["id"], sent)
        self.assertEqual(follower.interrupt(), DONE)
        self.assertEqual([event["type"] for event in follower.events()], ["now"] * 3)
        self.assertEqual(follower.stderr.all(), [])

    def test_since_goes_on_into_new_ones(self):
        ids = send_many(self.proxy, 1200)
        follower = self.follow("--since", "0")
        follower.wait_for(1201)
        ids.append(self.proxy.monitor.sendEvent("new"))
        self.assertEqual([event["id"] for event in follower.wait_for(1202)][1:], ids)

    def test_types(self):
        follower = self.follow("--type", "b", "--type", "c")
        wait_for_waiters(self.proxy, 1)
        for kind in "abac":
            self.proxy.monitor.sendEvent(kind)
        self.assertEqual([event["type"] for event in follower.wait_for(2)], ["b", "c"])

    def test_a_limit_ends_it(self):
        follower = self.follow("--since", "0", "--limit", "3")
        send_many(self.proxy, 5)
        self.assertEqual(follower.ended(), DONE)
        self.assertEqual([event["data"] for event in follower.events()][1:], [0, 1])

    def test_for_people_it_is_a_table_that_grows(self):
        with subprocess.Popen([CLIENT, address(self.server), "events", "--follow"],
                              stdout=subprocess.PIPE, text=True, env=environment()) as process:
            self.assertIn("DATA", process.stdout.readline())  # at once, before there are any
            wait_for_waiters(self.proxy, 1)
            self.proxy.monitor.sendEvent("now", "hello")
            self.assertRegex(process.stdout.readline(), " now .* hello$")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(PATIENCE), DONE)

    def test_waiting_is_no_timeout(self):
        timeout = 1.5
        follower = self.follow("--timeout", f"{timeout}")
        wait_for_waiters(self.proxy, 1)
        time.sleep(3 * timeout)  # in which nothing is to happen
        self.proxy.monitor.sendEvent("late")
        follower.wait_for(1)
        self.assertEqual(follower.stderr.all(), [])

    def test_a_closed_stdout_ends_it(self):
        with subprocess.Popen([CLIENT, address(self.server), "events", "--follow"],
                              stdout=subprocess.PIPE, env=environment()) as process:
            process.stdout.readline()
            process.stdout.close()
            wait_for_waiters(self.proxy, 1)
            self.proxy.monitor.sendEvent("now")
            self.assertEqual(process.wait(PATIENCE), -signal.SIGPIPE)

    def test_a_fault_ends_it(self):
        for mistake in (["--since", "x"], ["--type", "no type"]):
            with self.subTest(mistake=mistake):
                follower = self.follow(*mistake)
                self.assertEqual(follower.ended(), FAULT)
                self.assertRegex(follower.stderr.all()[0], "fault -32602")


class Restart(unittest.TestCase):
    def check_restart(self, end, *options):
        """Events before, between and after must each be shown once, and the user told once."""
        server = Server()
        with server.proxy() as proxy:
            first = read_events(proxy)
        with Follower(server, "--since", "0", *options) as follower:
            follower.wait_for(len(first))
            with server.proxy() as proxy:
                wait_for_waiters(proxy, 1)
                send_many(proxy, 3, "before")
            end(server)
            follower.stderr.wait_for(".*: lost, .*", PATIENCE)
            # While nobody follows: a server at another port, on the same journal.
            with Server("--journal", server.journal) as between, between.proxy() as proxy:
                send_many(proxy, 3, "between")
            with server.again() as server, server.proxy() as proxy:
                follower.stderr.wait_for(".*: back, .*", PATIENCE)
                send_many(proxy, 3, "after")
                expected = read_events(proxy)
                self.assertEqual(follower.wait_for(len(expected)), expected)
                self.assertEqual(follower.interrupt(), DONE)
            kinds = [event["type"] for event in expected if not event["type"].startswith("server.")]
            self.assertEqual(kinds, ["before"] * 3 + ["between"] * 3 + ["after"] * 3)
            self.assertEqual(len(follower.stderr.all()), 2, follower.stderr.all())

    def test_of_a_server_that_was_stopped(self):
        self.check_restart(Server.stop)

    def test_of_a_server_that_was_killed(self):
        self.check_restart(Server.kill)

    def test_ctrl_c_ends_it_while_the_server_is_gone(self):
        server = Server()
        with Follower(server) as follower:
            with server.proxy() as proxy:
                wait_for_waiters(proxy, 1)
            server.stop()
            follower.stderr.wait_for(".*: lost, .*", PATIENCE)
            self.assertEqual(follower.interrupt(), DONE)

    def test_a_server_that_was_never_there(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        for options in ([], ["--since", "0"]):
            done = run(CLIENT, f"127.0.0.1:{port}", "events", "--follow", *options)
            self.assertEqual((done.returncode, done.stdout), (UNREACHABLE, ""))
            self.assertIn("refused", done.stderr)


if __name__ == "__main__":
    unittest.main()
