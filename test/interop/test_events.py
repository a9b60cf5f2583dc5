"""Events: recording them with sendEvent and print, and reading them page by page."""
import datetime
import socket
import threading
import time
import unittest
import xmlrpc.client

from lookout import (CLIENT, LookoutTest, Server, call_body, pages, read_events, request, run,
                     wait_until)

ANSWER_MAX = 512 * 1024  # bytes: the most that xmlrpc-c's own clients read


class EventsTest(LookoutTest):
    """Each test has one connection, closed at its end, and a type of event of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.server.proxy() as proxy:
            proxy.monitor.sendEvent("start")  # by then that it has started is recorded too

    def setUp(self):
        self.proxy = self.server.proxy(allow_none=True, use_builtin_types=True)
        self.addCleanup(self.proxy("close"))
        self.type = self.id().rpartition(".")[2]

    def send(self, *data):
        return self.proxy.monitor.sendEvent(self.type, *data)

    def sent(self):
        return read_events(self.proxy, self.type)

    def last(self):
        return self.proxy.monitor.getStatus()["events"]["last"]


class Sending(EventsTest):
    def test_ids_are_growing_numbers(self):
        ids = [self.send(i) for i in range(20)]
        for number in ids:
            self.assertRegex(number, r"^[1-9]\d*$")
        self.assertEqual(ids, sorted(set(ids), key=int))
        self.assertEqual([event["id"] for event in self.sent()], ids)

    def test_an_event_says_when_and_by_whom_it_was_sent(self):
        before = time.time()
        self.send("x")
        after = time.time()
        event, = self.sent()
        self.assertEqual(event.keys(), {"id", "time", "type", "source", "data"})
        self.assertTrue(before - 0.001 <= event["time"] <= after + 0.001, event)
        own, = (one["id"] for one in self.proxy.monitor.getConnections()
                if one["method"] == "monitor.getConnections")
        self.assertEqual(event["source"], own)

    def test_an_event_without_data_has_an_empty_string(self):
        self.send()
        self.assertEqual(self.sent()[0]["data"], "")

    def test_data_of_every_type_comes_back_as_it_was(self):
        values = [0, -2**31, 2**31 - 1, True, False, 0.1, -1.5e300, 5e-324, 1795000000.999999,
                  "", "Grüße & <mehr> ]]> \"'", "\U0001f600\u202e\n\t", " blanks ", b"", b"\0\xff<",
                  datetime.datetime(2026, 11, 23, 10, 11, 12), [], {}, [[], [{}]],
                  {"": 1, "a b": [1, "2", {"c": [b"3", 4.0]}], "\U0001f600": True}]
        for value in values:
            self.send(value)
        self.send(values)
        read = [event["data"] for event in self.sent()]
        self.assertEqual(read, values + [values])
        self.assertEqual([type(value) for value in read], [*map(type, values), list])

    def test_data_that_is_not_standard_comes_back_in_standard_types(self):
        for xml in ("<i8>-9007199254740992</i8>", "<nil/>",
                    "<array><data><value><i8>5000000000</i8></value><value><nil/></value>"
                    "<value>&lt;i8>&lt;nil/></value></data></array>"):
            body = call_body("monitor.sendEvent", self.type, "here")
            whole = body.replace(b"<string>here</string>", xml.encode())
            with self.server.connect() as connection:
                connection.ask(request(whole)).value()
        self.assertEqual([event["data"] for event in self.sent()],
                         [-9007199254740992.0, "", [5e9, "", "<i8><nil/>"]])


class Refusing(EventsTest):
    options = ("--max-event", "2K")

    def assert_refused(self, text, *params):
        before = read_events(self.proxy)
        self.assert_fault(-32602, text, self.proxy.monitor.sendEvent, *params)
        self.assertEqual(read_events(self.proxy), before, "something was recorded")

    def test_names_that_are_types(self):
        for name in ("a", "Z", "a" * 63, "a.b_c-9", "a..", "prints", "serverside", "worker"):
            with self.subTest(name=name):
                self.proxy.monitor.sendEvent(name, self.type)
                self.assertEqual(read_events(self.proxy, name)[0]["data"], self.type)

    def test_names_that_are_no_types(self):
        for name in ("", "1a", ".a", "-a", "_a", "a b", "a/b", "a\n", "ä", "a" * 64, "a" * 1000):
            with self.subTest(name=name):
                self.assert_refused("type is of letters", name, 1)

    def test_types_of_the_servers_own_events(self):
        for name in ("connect", "disconnect", "print", "gap", "server.start", "server.stop",
                     "server.", "server.x", "worker.up", "worker.down", "worker.x"):
            with self.subTest(name=name):
                self.assert_refused(f'"{name}"', name, 1)

    def test_a_type_that_is_no_string(self):
        self.assert_refused("takes.*string", 1)
        self.assert_refused("takes.*string", ["a"], 1)

    def test_too_many_parameters_and_too_few(self):
        self.assert_refused("takes", self.type, 1, 2)
        self.assert_refused("takes")

    def test_data_that_is_too_large(self):
        """The limit is on its XML: "<value><string>", the text, "</string></value>"."""
        most = 2048 - len("<value><string></string></value>")
        self.send("x" * most)
        self.assert_refused("2049 bytes.*--max-event", self.type, "x" * (most + 1))
        self.assert_refused("--max-event", self.type, "<" * (most // 2))
        self.assertEqual([len(event["data"]) for event in self.sent()], [most])

    def test_arguments_of_print_that_are_too_large(self):
        self.assert_fault(-32602, "--max-event", self.proxy.print, "x" * 1000, "x" * 1000)
        self.assertNotIn(["x" * 1000] * 2, [event["data"] for event in read_events(self.proxy)])


class Printing(EventsTest):
    def test_print_is_recorded_with_its_arguments(self):
        moment = datetime.datetime(2026, 11, 23, 10, 11, 12)
        arguments = [self.type, 42, 1.5, True, b"\0", ["a", {}], {"b": moment}]
        self.assertEqual(self.proxy.print(*arguments), len(arguments))
        self.assertEqual(read_events(self.proxy, "print")[-1]["data"], arguments)
        self.assertEqual(self.proxy.print(), 0)
        self.assertEqual(read_events(self.proxy, "print")[-1]["data"], [])

    def test_what_is_shown_can_be_read(self):
        for i in range(20):
            self.proxy.print(self.type, i)
            self.server.wait_for_line(rf"print conn\d+ 2 int {i} .*")
            self.assertEqual(read_events(self.proxy, "print")[-1]["data"], [self.type, i])

    def test_print_is_recorded_within_a_multicall(self):
        both = xmlrpc.client.MultiCall(self.proxy)
        both.print(self.type, 1)
        both.print(self.type, 2)
        self.assertEqual(list(both()), [2, 2])
        self.assertEqual([event["data"] for event in read_events(self.proxy, "print")][-2:],
                         [[self.type, 1], [self.type, 2]])


class QuietPrinting(EventsTest):
    options = ("--quiet",)

    def test_a_quiet_server_records_what_it_does_not_show(self):
        self.proxy.print("unseen")
        self.assertEqual(read_events(self.proxy, "print")[-1]["data"], ["unseen"])


class Reading(EventsTest):
    WRITERS, EACH = 8, 100

    def write(self, number, ids):
        with self.server.proxy() as proxy:
            for i in range(self.EACH):
                ids.append((int(proxy.monitor.sendEvent(self.type, [number, i])), [number, i]))

    def read(self, limit, writing, read):
        """Reads on until there is nothing new and there are no more writers."""
        after = "0"
        with self.server.proxy() as proxy:
            while True:
                was_written = not writing.is_set()
                for page in pages(proxy, after, limit, self.type):
                    self.assertLessEqual(len(page["events"]), limit)
                    read += [(int(event["id"]), event["data"]) for event in page["events"]]
                    after = page["next"]
                if was_written:
                    return

    def test_each_event_is_read_once_and_in_order_while_eight_write(self):
        sent = [[] for _ in range(self.WRITERS)]
        read = {limit: [] for limit in (1, 7, 1000)}
        writing = threading.Event()
        writing.set()
        writers = [threading.Thread(target=self.write, args=(number, ids))
                   for number, ids in enumerate(sent)]
        readers = [threading.Thread(target=self.read, args=(limit, writing, events))
                   for limit, events in read.items()]
        for thread in readers + writers:
            thread.start()
        for thread in writers:
            thread.join()
        writing.clear()
        for thread in readers:
            thread.join()
        expected = sorted((number, data) for ids in sent for number, data in ids)
        self.assertEqual(len(expected), self.WRITERS * self.EACH)
        for limit, events in read.items():
            with self.subTest(limit=limit):
                self.assertEqual(events, expected)

    def test_types_filter(self):
        names = [f"{self.type}.{letter}" for letter in "abc"]
        sent = [self.proxy.monitor.sendEvent(name, i) for i in range(3) for name in names]
        for wanted in ([0], [1], [0, 2], [2, 2], [0, 1, 2]):
            with self.subTest(wanted=wanted):
                self.assertEqual(
                    [event["id"] for event in read_events(self.proxy, *(names[i] for i in wanted))],
                    [number for i, number in enumerate(sent) if i % 3 in wanted])
        self.assertEqual(read_events(self.proxy, "no.such.type"), [])

    def test_a_filtered_page_goes_past_what_it_leaves_out(self):
        self.send()
        page = self.proxy.monitor.readEvents("", 10, ["no.such.type"])
        self.assertEqual(page["events"], [])
        self.assertGreaterEqual(int(page["next"]), int(self.sent()[0]["id"]))

    def test_no_types_are_as_if_not_given(self):
        self.send()
        last = self.last()
        self.assertEqual(self.proxy.monitor.readEvents("", 1000, [])["events"][:1],
                         self.proxy.monitor.readEvents("", 1000)["events"][:1])
        self.assertLessEqual(int(self.sent()[0]["id"]), int(last))

    def test_types_that_are_none(self):
        for types in ([""], ["a b"], [1], [["a"]], ["a" * 64], [f"t{i}" for i in range(33)]):
            with self.subTest(types=types):
                self.assert_fault(-32602, "type", self.proxy.monitor.readEvents, "", 1, types)
        self.assertEqual(self.proxy.monitor.readEvents(
            "", 1, [f"t{i}" for i in range(32)])["events"], [])

    def test_who_came_and_left_is_read_only_by_name(self):
        with self.server.connect() as visitor:
            visitor.ask(request(call_body("monitor.ping")))
            visitor.ask(request(call_body("no.such.method")))

        def of_visitor(kind):
            return [event for event in read_events(self.proxy, kind)
                    if event["data"]["peer"] == visitor.peer]

        disconnect, = wait_until(lambda: of_visitor("disconnect"), "no disconnect")
        connect, = of_visitor("connect")
        self.assertEqual(connect["source"], disconnect["source"])
        self.assertLess(int(connect["id"]), int(disconnect["id"]))
        self.assertEqual(disconnect["data"]["calls"], 2)
        self.assertTrue(0 <= disconnect["time"] - connect["time"] < 3600)
        both = read_events(self.proxy, "connect", "disconnect")
        self.assertEqual([event for event in both if event in (connect, disconnect)],
                         [connect, disconnect])
        for event in read_events(self.proxy):
            self.assertNotIn(event["type"], ("connect", "disconnect"))

    def test_limits(self):
        for limit in (0, -1, 1001, 2**31 - 1, -2**31):
            with self.subTest(limit=limit):
                self.assert_fault(-32602, "limit", self.proxy.monitor.readEvents, "", limit)

    def test_cursors_that_are_none(self):
        for cursor in ("x", "-1", "+1", " 1", "1 ", "1.0", "0x1", "\uff11", "1" * 20, "9" * 1000):
            with self.subTest(cursor=cursor):
                self.assert_fault(-32602, "after", self.proxy.monitor.readEvents, cursor, 1)

    def test_the_start_has_two_names(self):
        first = self.proxy.monitor.readEvents("", 1)
        self.assertEqual(first["events"][0]["type"], "server.start")
        self.assertEqual(self.proxy.monitor.readEvents("0", 1), first)
        self.assertEqual(first["events"][0]["data"]["pid"], self.server.process.pid)

    def test_an_answer_stays_below_what_clients_read(self):
        """Each event is much larger as XML than as text."""
        ids = [self.send("<" * 20000 + str(i)) for i in range(30)]
        read, after = [], "0"
        with self.server.connect() as connection:
            while len(read) < len(ids):
                response = connection.ask(request(call_body("monitor.readEvents", after, 1000,
                                                            [self.type])))
                self.assertLess(len(response.body), ANSWER_MAX)
                page = response.value()
                self.assertTrue(page["events"], "a page without an event")
                read += [event["id"] for event in page["events"]]
                after = page["next"]
        self.assertEqual(read, ids)


class LargeEvents(EventsTest):
    options = ("--max-event", "384K")

    def test_the_largest_event_can_be_read(self):
        """A struct of many members has the most XML for what it holds."""
        size = 384 * 1024 - len("<value><string></string></value>")
        for data in ("x" * size, "<" * (size // 4), {f"{i:04}": 1 for i in range(3000)}):
            number = self.send(data)
            before = str(int(number) - 1)
            with self.server.connect() as connection:
                response = connection.ask(request(call_body("monitor.readEvents", before, 1)))
                self.assertLess(len(response.body), ANSWER_MAX)
                self.assertEqual([event["id"] for event in response.value()["events"]], [number])

    def nested(self, depth):
        value = "deep"
        for i in range(depth):
            value = {"in": value} if i % 2 else [value]
        return value

    def test_data_that_is_too_deep(self):
        """As deep as it may be, the C client reads it, and it can be read within a multicall."""
        number = self.send(self.nested(50))
        self.assert_fault(-32602, "50 arrays", self.proxy.monitor.sendEvent, self.type, self.nested(51))
        self.assert_fault(-32602, "50 arrays", self.proxy.print, self.nested(50))
        done = run(CLIENT, f"127.0.0.1:{self.server.port}", "--json", "call", "system.multicall",
                   "array/(struct/{methodName:monitor.readEvents,"
                   f"params:array/({int(number) - 1},i/1)" + "})")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn('"deep"', done.stdout)


class Pages(unittest.TestCase):
    """Memory for few events: the older ones are read from the journal's file."""
    COUNT = 600

    def fill(self, proxy):
        """Sends events and reads each at once, when memory still has it."""
        sent, after = [], ""
        for i in range(self.COUNT):
            proxy.monitor.sendEvent(f"t{i % 3}", [i, "<ä&😀>" * 20])
            page = proxy.monitor.readEvents(after, 10, ["t0", "t1", "t2"])
            sent += page["events"]
            after = page["next"]
        self.assertEqual([event["data"][0] for event in sent], list(range(self.COUNT)))
        return sent

    def test_pages_from_the_file_are_as_those_from_memory(self):
        with Server("--recent", "64K") as server, server.proxy() as proxy:
            sent = self.fill(proxy)
            for limit in (1, 7, 1000):
                with self.subTest(limit=limit):
                    self.assertEqual([event for page in pages(proxy, "", limit, "t0", "t1", "t2")
                                      for event in page["events"]], sent)
            self.assertEqual(read_events(proxy, "t1"), sent[1::3])
            for i in range(0, self.COUNT, 37):
                with self.subTest(i=i):
                    page = proxy.monitor.readEvents(sent[i]["id"], 40)
                    self.assertIn(len(page["events"]), range(1, 41))
                    self.assertEqual(page["events"], sent[i + 1:i + 1 + len(page["events"])])
                    self.assertFalse(page["truncated"])

    def test_pages_of_both_classes_from_the_file_are_in_order(self):
        with Server("--recent", "64K", "--quiet") as server, server.proxy() as proxy:
            sent = []
            for i in range(300):
                sent.append(proxy.monitor.sendEvent("between", "x" * 1000))
                server.connect().close()
            everything = read_events(proxy, "between", "connect", "disconnect")
            ids = [int(event["id"]) for event in everything]
            self.assertEqual(ids, sorted(set(ids)))
            self.assertEqual([event["id"] for event in everything if event["type"] == "between"],
                             sent)
            self.assertGreater(len(everything), 2 * len(sent))

    def test_within_a_multicall_only_recent_events_are_read(self):
        with Server("--recent", "64K") as server, server.proxy() as proxy:
            sent = self.fill(proxy)
            old, recent = proxy.system.multicall([
                {"methodName": "monitor.readEvents", "params": [after, 10]}
                for after in ("", sent[-3]["id"])])
            self.assertEqual(old["faultCode"], -32500)
            self.assertIn("system.multicall", old["faultString"])
            self.assertEqual(recent[0]["events"], sent[-2:])

    def test_readers_of_old_pages_who_leave_do_no_harm(self):
        """They leave when their page is asked of the file's reader, or is being read."""
        with Server("--recent", "64K", "--quiet") as server, server.proxy() as proxy:
            sent = self.fill(proxy)
            for _ in range(10):
                readers = [server.connect() for _ in range(20)]
                for reader in readers:
                    reader.send(request(call_body("monitor.readEvents", "", 1000)))
                for reader in readers:
                    reader.close()
            self.assertEqual(read_events(proxy, "t0", "t1", "t2"), sent)
            wait_until(lambda: proxy.monitor.getStatus()["connections"]["open"] == 1,
                       "a reader that left is still there")

    def test_who_ends_its_sending_gets_its_old_page(self):
        with Server("--recent", "64K") as server, server.proxy() as proxy:
            sent = self.fill(proxy)
            for body in (call_body("monitor.readEvents", "", 10, ["t0"]),
                         call_body("monitor.waitEvents", "", 10, 0, ["t0"])):
                with server.connect() as reader:
                    reader.send(request(body))
                    reader.socket.shutdown(socket.SHUT_WR)
                    self.assertEqual(reader.read().value()["events"], sent[:30:3])

    def test_many_readers_of_old_pages_at_once(self):
        with Server("--recent", "64K", "--threads", "2", "--quiet") as server, \
                server.proxy() as proxy:
            sent = self.fill(proxy)
            readers = [server.connect() for _ in range(40)]
            for i, reader in enumerate(readers):
                reader.send(request(call_body("monitor.readEvents", sent[i]["id"], 10, ["t0"])) * 2)
            for i, reader in enumerate(readers):
                expected = [event for event in sent[i + 1:] if event["type"] == "t0"][:10]
                for _ in range(2):
                    self.assertEqual(reader.read().value()["events"], expected)
                reader.close()


if __name__ == "__main__":
    unittest.main()
