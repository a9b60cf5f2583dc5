"""Python's xmlrpc.client against the server: methods, types, faults and what the terminal shows."""
import datetime
import random
import unittest
import xmlrpc.client
from xmlrpc.client import Binary, DateTime, MultiCall

from lookout import (LookoutTest, STOOGES, Server, calendar, call_body, request,
                     utc_in_local_time)

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"


class PythonTest(LookoutTest):
    """Each test has one connection, closed at its end."""

    def setUp(self):
        self.proxy = self.server.proxy(allow_none=True, use_builtin_types=True)
        self.addCleanup(self.proxy("close"))


class Validator1(PythonTest):
    options = ("--validator",)

    def setUp(self):
        super().setUp()
        self.validator1 = self.proxy.validator1
        self.random = random.Random(20010516)  # the same "random" values each time

    def small(self):
        return self.random.randint(-1000, 1000)

    def stooges(self):
        return {"moe": self.small(), "larry": self.small(), "curly": self.small()}

    def test_array_of_structs(self):
        structs = [self.stooges() for _ in range(100)]
        self.assertEqual(self.validator1.arrayOfStructsTest(structs),
                         sum(struct["curly"] for struct in structs))

    def test_array_of_structs_whose_sum_is_no_int(self):
        self.assert_fault(-32500, "4294967294", self.validator1.arrayOfStructsTest, [STOOGES] * 2)
        self.assert_fault(-32500, "-2147483649", self.validator1.arrayOfStructsTest,
                          [{"curly": -2**31}, {"curly": -1}])

    def test_array_of_structs_with_a_wrong_item(self):
        self.assert_fault(-32602, "item 2 .*struct", self.validator1.arrayOfStructsTest,
                          [STOOGES, "x"])
        self.assert_fault(-32602, 'item 1 .*"curly"', self.validator1.arrayOfStructsTest,
                          [{"moe": 1}])
        self.assert_fault(-32602, '"curly" of item 1 .* int', self.validator1.arrayOfStructsTest,
                          [{"curly": "1"}, STOOGES])

    def test_count_the_entities(self):
        text = "".join(self.random.choice("<>&'\"ab ü😀") for _ in range(1000))
        self.assertEqual(self.validator1.countTheEntities(text), {
            "ctLeftAngleBrackets": text.count("<"), "ctRightAngleBrackets": text.count(">"),
            "ctAmpersands": text.count("&"), "ctApostrophes": text.count("'"),
            "ctQuotes": text.count('"')})

    def test_easy_struct(self):
        stooges = self.stooges()
        self.assertEqual(self.validator1.easyStructTest(stooges), sum(stooges.values()))

    def test_easy_struct_without_a_stooge(self):
        self.assert_fault(-32602, '"moe"', self.validator1.easyStructTest, {"larry": 1, "curly": 2})

    def test_echo_struct(self):
        struct = {f"substruct{i}": self.stooges() for i in range(20)}
        struct["types"] = [1, -2**31, 2**31 - 1, True, "x", 0.1, b"\0\xff", [], {}]
        self.assertEqual(self.validator1.echoStructTest(struct), struct)

    def test_many_types(self):
        moment = datetime.datetime(2026, 11, 23, 10, 11, 12)
        values = [self.small(), True, "Grüße & <mehr> 😀", self.random.random(), moment,
                  self.random.randbytes(300)]
        self.assertEqual(self.validator1.manyTypesTest(*values), values)

    def test_moderate_size_array(self):
        strings = [f"string {self.small()} ü" for _ in range(self.random.randint(100, 200))]
        self.assertEqual(self.validator1.moderateSizeArrayCheck(strings), strings[0] + strings[-1])

    def test_moderate_size_array_of_one_or_none(self):
        self.assertEqual(self.validator1.moderateSizeArrayCheck(["ab"]), "abab")
        self.assert_fault(-32602, "empty", self.validator1.moderateSizeArrayCheck, [])
        self.assert_fault(-32602, "item 2", self.validator1.moderateSizeArrayCheck, ["a", 1])
        self.assert_fault(-32602, "item 1", self.validator1.moderateSizeArrayCheck, [1, "a"])

    def test_nested_struct(self):
        day = self.stooges()
        self.assertEqual(self.validator1.nestedStructTest(calendar(day)), sum(day.values()))

    def test_nested_struct_without_the_day(self):
        self.assert_fault(-32602, '"2000"', self.validator1.nestedStructTest, {"1999": {}})
        self.assert_fault(-32602, '"01"', self.validator1.nestedStructTest, {"2000": {"04": {}}})

    def test_simple_struct_return(self):
        number = self.small()
        self.assertEqual(self.validator1.simpleStructReturnTest(number), {
            "times10": number * 10, "times100": number * 100, "times1000": number * 1000})

    def test_simple_struct_return_of_too_large_a_number(self):
        self.assert_fault(-32500, "int", self.validator1.simpleStructReturnTest, 2147484)
        self.assertEqual(self.validator1.simpleStructReturnTest(2147483)["times1000"], 2147483000)

    def test_is_off_unless_wanted(self):
        with Server() as plain, plain.proxy() as proxy:
            self.assertNotIn("validator1.easyStructTest", proxy.system.listMethods())
            self.assert_fault(-32601, "validator1", proxy.validator1.easyStructTest, STOOGES)


class Print(PythonTest):
    def printed(self, *values):
        count, lines = self.server.printed_by(self.proxy.print, *values)
        self.assertEqual(count, len(values))
        return lines

    def test_every_type(self):
        moment = (2026, 11, 23, 10, 11, 12)
        self.assertEqual(
            self.printed("Grüße 😀", 42, -2.5, True, False, datetime.datetime(*moment), b"hello",
                         b"\0\xff", [1, "two", {"a": 3}], {"a": 0.5, "b": [None]}, None),
            ['1 string "Grüße 😀" 7 characters, 12 bytes',
             "2 int 42 square 1764",
             "3 double -2.5 square 6.25",
             "4 boolean true",
             "5 boolean false",
             "6 dateTime 2026-11-23T10:11:12 as UTC is " + utc_in_local_time(*moment),
             '7 base64 "hello" 5 bytes',
             "8 base64 00 ff 2 bytes",
             '9 array [1, "two", {"a": 3}] 3 items',
             '10 struct {"a": 0.5, "b": [nil]} 2 members',
             "11 nil",
             "sum 39.5 mean 19.75 of 2 numbers"])

    def test_several_numbers(self):
        self.assertEqual(self.printed(10, 20, 30)[-1], "sum 60 mean 20 of 3 numbers")

    def test_no_argument(self):
        self.assertEqual(self.printed(), ["no arguments"])

    def test_long_values_are_cut(self):
        line, = self.printed("ä" * 5120)
        self.assertRegex(line, r'^1 string "ä+"… 5,000 more characters of 5,120 characters, '
                               r'10,240 bytes$')
        line, = self.printed(list(range(8000)))
        self.assertRegex(line, r"^1 array \[0, 1, 2, .*, … \d,\d{3} more\] 8,000 items$")
        self.assertLess(len(line.encode()), 1000)

    def test_nothing_acts_on_the_terminal(self):
        line, = self.printed("\x7f\x9b2J\u202e\u2028\n\"")
        self.assertEqual(line, '1 string "\\x7f\\u009b2J\\u202e\\u2028\\n\\"" 8 characters, '
                               '13 bytes')


class Terminal(unittest.TestCase):
    def test_a_connection_shows_its_life_in_the_present_time(self):
        def now():
            return datetime.datetime.now()

        def time_of(match):
            return datetime.datetime.fromisoformat(match[1])

        millisecond = datetime.timedelta(milliseconds=1)  # shown times are rounded to it
        with Server() as server:
            before = now()
            proxy = server.proxy()
            self.assertEqual(proxy.print("hello", 42), 2)
            connected = server.wait_for_line(rf"connected on ({TIME}) conn1 (127\.0\.0\.1:\d+)")
            server.wait_for_line('print conn1 1 string "hello" 5 characters')
            server.wait_for_line("print conn1 2 int 42 square 1764")
            middle = now()
            proxy("close")()
            gone = server.wait_for_line(
                rf"disconnected on ({TIME}) conn1 (\S+) 1 call (\d+\.\d{{3}}) s")
            after = now()
        self.assertLessEqual(before - millisecond, time_of(connected))
        self.assertLessEqual(time_of(connected), middle + millisecond)
        self.assertLessEqual(middle - millisecond, time_of(gone))
        self.assertLessEqual(time_of(gone), after + millisecond)
        self.assertEqual(gone[2], connected[2])
        self.assertAlmostEqual(float(gone[3]), (time_of(gone) - time_of(connected)).total_seconds(),
                               delta=0.002)
        self.assertEqual([line.split()[0] for line in server.lines()],
                         ["listening", "recording", "connected", "print", "print", "disconnected"])

    def test_calls_of_one_proxy_share_a_connection(self):
        with Server() as server:
            with server.proxy() as proxy:
                for _ in range(20):
                    self.assertEqual(proxy.monitor.ping(), "pong")
                self.assertEqual(proxy.monitor.getStatus()["connections"]["total"], 1)
            server.wait_for_line(r"disconnected on .* 21 calls .*")

    def test_two_proxies_are_two_connections(self):
        with Server() as server:
            for _ in range(2):
                with server.proxy() as proxy:
                    proxy.monitor.ping()
            server.wait_for_line("disconnected on .* conn2 .*")
            names = [line.split()[4] for line in server.lines() if line.startswith("connected")]
            self.assertEqual(names, ["conn1", "conn2"])


class Types(PythonTest):
    def assert_echoed(self, *values):
        for value in values:
            with self.subTest(value=str(value)[:60]):
                echoed = self.proxy.test.echo(value)
                self.assertEqual(echoed, value)
                self.assertIs(type(echoed), type(value))

    def test_strings_of_all_of_unicode(self):
        self.assert_echoed("😀", "👩‍👩‍👧 und 漢字", "é\u0301 ÿ", "\U0010fffd", "a\tb\nc", " x ",
                           "", "]]>&lt;")

    def test_doubles_exactly(self):
        generator = random.Random(1)
        self.assert_echoed(1795000000.999999, 0.1, 1 / 3, -2.5, 5e-324, 1.7976931348623157e308,
                           *(generator.uniform(-1, 1) * 10 ** generator.randint(-300, 300)
                             for _ in range(100)))

    def test_ints(self):
        self.assert_echoed(0, -1, 2**31 - 1, -2**31)

    def test_dates_and_bytes(self):
        self.assert_echoed(datetime.datetime(1999, 12, 31, 23, 59, 59), bytes(range(256)), b"")
        with self.server.proxy() as plain:  # Python's own classes
            self.assertEqual(plain.test.echo(DateTime("20261123T10:11:12")),
                             DateTime("20261123T10:11:12"))
            self.assertEqual(plain.test.echo(Binary(b"\0x")), Binary(b"\0x"))

    def test_containers(self):
        nest = 0
        for _ in range(30):
            nest = [{"n": nest}]
        self.assert_echoed([], {}, [[], [{}]], {"": 1, "ü😀": [True]}, nest, ["x" * 1000] * 100,
                           {str(i): i for i in range(1000)})


class Introspection(PythonTest):
    options = ("--validator",)
    TYPES = {"int", "boolean", "string", "double", "dateTime.iso8601", "base64", "array", "struct"}

    def test_every_method_has_help_and_a_signature(self):
        methods = self.proxy.system.listMethods()
        self.assertLessEqual({"print", "monitor.ping", "monitor.getStatus", "greet",
                              "monitor.getConnections", "monitor.getMethodStats",
                              "system.multicall", "validator1.easyStructTest"}, set(methods))
        for method in methods:
            with self.subTest(method=method):
                self.assertGreater(len(self.proxy.system.methodHelp(method)), 10)
                signatures = self.proxy.system.methodSignature(method)
                if signatures != "undef":
                    self.assertGreater(len(signatures), 0)
                    self.assertLessEqual({name for one in signatures for name in one}, self.TYPES)

    def test_signatures(self):
        signature = self.proxy.system.methodSignature
        self.assertEqual(signature("print"), "undef")
        self.assertEqual(signature("monitor.ping"), [["string"]])
        self.assertEqual(signature("validator1.manyTypesTest"),
                         [["array", "int", "boolean", "string", "double", "dateTime.iso8601",
                           "base64"]])

    def test_unknown_names_are_faults(self):
        for function in (self.proxy.system.methodHelp, self.proxy.system.methodSignature):
            self.assert_fault(-32602, "no.such", function, "no.such")

    def test_capabilities_name_the_fault_codes(self):
        self.assertIn("faults_interop", self.proxy.system.getCapabilities())

    def test_status_tells_of_this_call(self):
        status = self.proxy.monitor.getStatus()
        self.assertEqual((status["name"], status["pid"]), ("lookout", self.server.process.pid))
        self.assertAlmostEqual(status["now"] - status["start"], status["uptime"], places=6)
        self.assertLess(abs(status["now"] - datetime.datetime.now().timestamp()), 60)
        self.assertGreaterEqual(status["connections"]["open"], 1)

    def test_method_stats_count_calls_and_faults(self):
        def counts():
            stats = {s["method"]: s for s in self.proxy.monitor.getMethodStats()}
            greet = stats.get("greet", {"calls": 0, "faults": 0})
            return greet["calls"], greet["faults"]

        calls, faults = counts()
        self.assertEqual(self.proxy.greet("Ada"), "Hello, Ada!")
        self.assert_fault(-32602, "empty", self.proxy.greet, "")
        self.assertEqual(counts(), (calls + 2, faults + 1))

    def test_connections_show_this_one(self):
        with self.server.connect() as connection:
            host, port = connection.socket.getsockname()
            connections = connection.ask(request(call_body("monitor.getConnections"))).value()
        mine, = [one for one in connections if one["peer"] == f"{host}:{port}"]
        self.assertRegex(mine["id"], r"^conn\d+$")
        self.assertEqual((mine["method"], mine["calls"]), ("monitor.getConnections", 1))


class Multicall(PythonTest):
    def test_results_and_faults_of_each_call(self):
        calls = MultiCall(self.proxy)
        calls.monitor.ping()
        calls.greet("Ada")
        calls.no.such.method()
        calls.greet("Bob")
        results = calls()
        self.assertEqual([results[0], results[1], results[3]],
                         ["pong", "Hello, Ada!", "Hello, Bob!"])
        self.assert_fault(-32601, "no.such.method", lambda: results[2])

    def test_lines_of_its_calls_are_shown_in_order(self):
        def both():
            calls = MultiCall(self.proxy)
            calls.print("one")
            calls.print("two")
            return list(calls())

        counts, lines = self.server.printed_by(both)
        self.assertEqual(counts, [1, 1])
        self.assertEqual(lines, ['1 string "one" 3 characters', '1 string "two" 3 characters'])

    def test_nesting_is_refused_before_anything_runs(self):
        inner = [{"methodName": "print", "params": ["inner"]}]

        def nested():
            try:
                return self.proxy.system.multicall([
                    {"methodName": "print", "params": ["outer"]},
                    {"methodName": "system.multicall", "params": [inner]}])
            except xmlrpc.client.Fault as fault:
                return fault.faultCode

        result, lines = self.server.printed_by(nested)
        self.assertEqual((result, lines), (-32602, []))


class Faults(PythonTest):
    def assert_fault_for(self, code, text, body):
        with self.server.connect() as connection:
            response = connection.ask(request(body))
        self.assertEqual(response.status, 200)
        self.assert_fault(code, text, response.value)

    def test_not_well_formed(self):
        self.assert_fault_for(-32700, "line 1", b"<methodCall><methodName>monitor.ping")
        self.assert_fault_for(-32700, "line 1", b"hello")

    def test_unsupported_encoding(self):
        body = call_body("monitor.ping").replace(b"?>", b" encoding='KOI8-R'?>", 1)
        self.assert_fault_for(-32701, "(?i)utf-8", body)

    def test_invalid_character(self):
        self.assert_fault_for(-32702, "0xff", call_body("print", "@").replace(b"@", b"\xff\xfe"))

    def test_latin_1_is_read(self):
        body = xmlrpc.client.dumps(("Grüße",), "test.echo", encoding="iso-8859-1")
        with self.server.connect() as connection:
            response = connection.ask(request(body.encode("iso-8859-1")))
        self.assertEqual(response.value(), "Grüße")

    def test_not_a_call(self):
        self.assert_fault_for(-32600, "methodCall", b"<methodResponse/>")

    def test_no_such_method(self):
        self.assert_fault(-32601, "no.such.method", self.proxy.no.such.method)

    def test_invalid_parameters(self):
        self.assert_fault(-32602, r"monitor\.ping takes \(\).*\(int\)", self.proxy.monitor.ping, 1)
        self.assert_fault(-32602, r"\(string\).*\(int\)", self.proxy.greet, 1)

    def test_a_result_that_xml_rpc_cannot_carry(self):
        """From 1.59 on the library makes no such number, and the method itself is at fault."""
        self.assert_fault(-32603, "inf|not a finite number", self.proxy.test.infinity)
        self.assert_fault(-32603, "nan|not a finite number", self.proxy.test.nan)

    def test_a_method_that_could_not_do_it(self):
        with Server("--validator") as server, server.proxy() as proxy:
            self.assert_fault(-32500, "32 bits", proxy.validator1.simpleStructReturnTest, 2**31 - 1)

    def test_the_connection_survives_faults(self):
        with self.server.connect() as connection:
            for _ in range(3):
                response = connection.ask(request(b"nonsense"))
                self.assert_fault(-32700, "well-formed", response.value)


if __name__ == "__main__":
    unittest.main()
