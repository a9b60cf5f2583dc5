"""Debian's xmlrpc(1) against the server."""
import unittest

from lookout import LookoutTest, calendar, run


def argument(value):
    """A value as the tool's later releases take it: ints, strings, lists and dicts."""
    if isinstance(value, dict):
        members = ",".join(f"{name}:{argument(member)}" for name, member in value.items())
        return f"struct/{{{members}}}"
    if isinstance(value, list):
        return f"array/({','.join(map(argument, value))})"
    return f"i/{value}" if isinstance(value, int) else f"s/{value}"


class ToolTest(LookoutTest):
    options = ("--validator",)

    def tool(self, *arguments):
        """What the tool shows of the result, without its heading."""
        done = run("xmlrpc", self.server.url, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        heading, _, result = done.stdout.partition("\n\n")
        self.assertEqual(heading, "Result:")
        return result.rstrip("\n")

    def assert_tool_fault(self, code, text, *arguments):
        done = run("xmlrpc", self.server.url, *arguments)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, f"{text}.*{code}")


class Validator1(ToolTest):
    """The tool of release 1.33 has no arrays, structs or dates: it sends a string in their place.

    Then the fault must say what is expected. A later release must have the result.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shown = run("xmlrpc", cls.server.url, "test.echo", argument([1])).stdout
        cls.has_containers = "Array" in shown

    def assert_result(self, expected, takes, method, *values):
        arguments = (f"validator1.{method}", *map(argument, values))
        if self.has_containers:
            self.assertEqual(self.tool(*arguments), expected)
        else:
            self.assert_tool_fault(-32602, rf"{method} takes \({takes}\); it was given \(string\)",
                                   *arguments)

    def test_array_of_structs(self):
        self.assert_result("Integer: 9", "array", "arrayOfStructsTest",
                           [{"curly": 4}, {"curly": 5}])

    def test_count_the_entities(self):
        lines = self.tool("validator1.countTheEntities", "s/<<>&'\"\"\" ü").split("\n")
        self.assertEqual([line.split()[-1] for line in lines if "Value" in line],
                         ["2", "1", "1", "1", "3"])

    def test_easy_struct(self):
        self.assert_result("Integer: 6", "struct", "easyStructTest",
                           {"moe": 1, "larry": 2, "curly": 3})

    def test_echo_struct(self):
        self.assert_result("Struct of 1 members:\n  Key:   String: 'a'\n  Value: Integer: 1",
                           "struct", "echoStructTest", {"a": 1})

    def test_many_types(self):
        """No release of the tool has dates."""
        self.assert_tool_fault(
            -32602, r"takes \(int, boolean, string, double, dateTime\.iso8601, base64\); it was "
            r"given \(int, boolean, string, double, string, base64\)",
            "validator1.manyTypesTest", "i/1", "b/true", "s/x", "d/1.5", "s/20261123T101112",
            "h/00ff")

    def test_moderate_size_array(self):
        self.assert_result("String: 'first last'", "array", "moderateSizeArrayCheck",
                           ["first", *["x"] * 98, " last"])

    def test_nested_struct(self):
        self.assert_result("Integer: 6", "struct", "nestedStructTest",
                           calendar({"moe": 1, "larry": 2, "curly": 3}))

    def test_simple_struct_return(self):
        lines = self.tool("validator1.simpleStructReturnTest", "i/-7").split("\n")
        self.assertEqual([line.split()[-1] for line in lines if "Value" in line],
                         ["-70", "-700", "-7000"])


class Print(ToolTest):
    def test_every_type_the_tool_has(self):
        result, lines = self.server.printed_by(
            self.tool, "print", "i/42", "I/9007199254740993", "d/-2.5", "b/true", "b/false",
            "h/00ff", "h/68656c6c6f", "n/", "s/a/b", "Grüße")
        self.assertEqual(result, "Integer: 10")
        self.assertEqual(lines[:-1], [
            "1 int 42 square 1764",
            "2 i8 9007199254740993 square 81129638414606699710187514626049",
            "3 double -2.5 square 6.25",
            "4 boolean true",
            "5 boolean false",
            "6 base64 00 ff 2 bytes",
            '7 base64 "hello" 5 bytes',
            "8 nil",
            '9 string "a/b" 3 characters',
            '10 string "Grüße" 5 characters, 7 bytes'])
        self.assertRegex(lines[-1], "^sum .* of 3 numbers$")


class Values(ToolTest):
    def test_types_come_back(self):
        for sent, shown in (("i/-5", "Integer: -5"), ("I/9007199254740993",
                            "64-bit integer: 9007199254740993"), ("b/true", "Boolean: TRUE"),
                            ("d/2.5", "Floating Point: 2.500000"), ("n/", "Nil"),
                            ("h/00ff41", "Bit string: 00ff41"), ("s/x y", "String: 'x y'")):
            with self.subTest(sent=sent):
                self.assertEqual(self.tool("test.echo", sent), shown)

    def test_unknown_method(self):
        self.assert_tool_fault(-32601, r"no method \"no\.such\"", "no.such")

    def test_server_named_by_host_and_port(self):
        """Without a scheme the tool asks for /RPC2 of the host."""
        done = run("xmlrpc", f"localhost:{self.server.port}", "monitor.ping")
        self.assertEqual((done.returncode, done.stdout), (0, "Result:\n\nString: 'pong'\n"))


if __name__ == "__main__":
    unittest.main()
