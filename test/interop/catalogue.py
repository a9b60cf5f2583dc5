"""Reads the *.cases of test/hostile: what is sent, and what must come back (README.md there)."""
import ast
import collections
import glob
import os
import re
import xmlrpc.client

from lookout import PING, ROOT, call_body, request

FOLDER = os.path.join(ROOT, "test", "hostile")

# What follows each case on its connection: answered if the connection was kept, and the last.
LAST = request(call_body("monitor.ping"), "Connection: close")

VALUE, ECHO, FAULT, ANSWER, EITHER, REFUSAL, SILENCE, CLOSED = range(8)

# `what` is the value, the fault's code or the status; `text` is to be found in the reason.
Expected = collections.namedtuple("Expected", "kind what text")


class Mistake(Exception):
    """In a file of cases."""


# --- texts: escapes, repetitions, and names for what is needed often ---

TOKEN = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4,6});|\\(.)|(\{)|(\})|([^\\{}]+)", re.DOTALL)
SHORT = {"r": b"\r", "n": b"\n", "t": b"\t", "s": b" ", "\\": b"\\", "{": b"{", "}": b"}"}


class Template:
    """A text whose {names} and {3 * repetitions} are expanded."""

    def __init__(self, text, names):
        self.text, self.names, self.at = text, names, 0

    def expand(self, number=b""):
        """The bytes up to the end, or to the brace that closes; {#} is the number in them."""
        out = []
        while self.at < len(self.text):
            token = TOKEN.match(self.text, self.at)
            if not token:
                raise Mistake(f"what is meant by {self.text[self.at:]!r}?")
            byte, character, short, opening, closing, plain = token.groups()
            if closing:
                break
            self.at = token.end()
            if opening:
                out.append(self.braces(number))
            elif byte:
                out.append(bytes([int(byte, 16)]))
            elif character:
                out.append(chr(int(character, 16)).encode("utf-8", "surrogatepass"))
            else:
                out.append(SHORT[short] if short else plain.encode())
        return b"".join(out)

    def braces(self, number):
        repeat = re.compile(r"(\d+) \* ").match(self.text, self.at)
        if repeat:
            return self.repetition(int(repeat[1]), repeat.end())
        name, brace, _ = self.text[self.at:].partition("}")
        self.at += len(name + brace)
        if name == "#":
            return number
        if name not in self.names:
            raise Mistake(f"nothing is called {name!r}")
        return expand(self.names[name], self.names)

    def repetition(self, count, start):
        """The numbers are written with as many digits as the last one has, so all are as long."""
        digits = len(str(count))
        numbered = "{#}" in self.text[start:]
        pieces = []
        for i in range(1, count + 1 if numbered else 2):
            self.at = start
            pieces.append(self.expand(b"%0*d" % (digits, i)))
        self.at += len("}")
        return b"".join(pieces) if numbered else pieces[0] * count


def expand(text, names):
    template = Template(text, names)
    expanded = template.expand()
    if template.at < len(text):
        raise Mistake(f"a brace closes what none has opened: {text[template.at:]!r}")
    return expanded


# --- a request, from what a case says of it ---

CALL = ("<?xml version=\"1.0\"?><methodCall><methodName>%s</methodName><params>%s</params>"
        "</methodCall>")
PARAM = "<param>%s</param>"


class Request:
    """An ordinary request for monitor.ping, but for what a case changes."""

    def __init__(self):
        self.line = b"POST /RPC2 HTTP/1.1"
        self.fields = []
        self.left_out = set()
        self.body = None
        self.method, self.params = "monitor.ping", ""
        self.codec = None
        self.chunked = False
        self.head_size = self.body_size = 0

    def add_field(self, line):
        if line.startswith(b"-"):
            self.left_out.add(line[1:].lower())
        else:
            self.fields.append(line)
            self.left_out.add(line.partition(b":")[0].strip().lower())

    def encoded_body(self, names):
        body = self.body
        if body is None:
            body = expand(CALL % (self.method, self.params), names)
        if self.codec:
            body = body.decode("utf-8").encode(self.codec)
        return body.ljust(self.body_size)

    def bytes(self, names):
        body = self.encoded_body(names)
        length = (b"Transfer-Encoding: chunked" if self.chunked
                  else b"Content-Length: %d" % len(body))
        usual = (b"Host: localhost", b"Content-Type: text/xml", length)
        lines = [self.line, *self.fields,
                 *(field for field in usual
                   if field.partition(b":")[0].lower() not in self.left_out)]
        if self.head_size:
            lines.append(b"X-Pad: ")
            lines[-1] += b"x" * (self.head_size - len(b"\r\n".join(lines)) - len("\r\n\r\n"))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


# --- cases ---

class Case:
    """One input. It is judged by what must come back, in order, up to the connection's end."""

    def __init__(self, file, name):
        self.file, self.name = file, name
        self.sent = b""
        self.expected = []
        self.has_tail = False  # bytes behind the request
        self.framed = 0  # bytes that are read as they come: all but a body of known length

    def __str__(self):
        return f"{self.file}: {self.name}"

    @property
    def silent(self):
        """What is sent is no whole request: the server waits for more."""
        return any(expected.kind == SILENCE for expected in self.expected)

    @property
    def kept(self):
        """The connection serves the next request."""
        return all(expected.kind in (VALUE, FAULT, ANSWER, EITHER) for expected in self.expected)

    @property
    def shot(self):
        """All that is sent: the case, and what must be answered behind it or must not."""
        return self.sent if self.silent else self.sent + LAST


def read_literal(text):
    repeat = re.match(r"(\d+) \* ", text)
    if repeat:
        return int(repeat[1]) * ast.literal_eval(text[repeat.end():])
    return ast.literal_eval(text)


def read_expected(text):
    kind, _, rest = text.partition(" ")
    if kind == "value":
        return Expected(VALUE, read_literal(rest), "")
    if kind == "fault":
        code, _, reason = rest.partition(" ")
        return Expected(FAULT, int(code), reason)
    if kind.isdigit():
        return Expected(REFUSAL, int(kind), rest)
    kinds = {"echo": ECHO, "answer": ANSWER, "either": EITHER, "silence": SILENCE, "closed": CLOSED}
    if kind not in kinds:
        raise Mistake(f"what may come back is not {kind!r}")
    return Expected(kinds[kind], None, rest)


def read_answers(text):
    repeat = re.match(r"(\d+) times ", text)
    if repeat:
        return [read_expected(text[repeat.end():])] * int(repeat[1])
    return [read_expected(text)]


def apply(asked, word, text, names):
    """Changes the request as a line says. Returns what is to be sent besides it, if any."""
    if word == "bytes":
        return expand(text, names)
    if word == "line":
        asked.line = expand(text, names)
    elif word == "head":
        asked.add_field(expand(text, names))
    elif word in ("body", "chunks"):
        asked.body = expand(text, names)
        asked.chunked = word == "chunks"
    elif word == "value":
        asked.method, asked.params = "test.echo", PARAM % f"<value>{text}</value>"
    elif word == "call":
        asked.method = text
    elif word == "with":
        asked.params += PARAM % text
    elif word == "params":
        asked.params = text
    elif word == "as":
        asked.codec = text
    elif word == "pad":
        asked.head_size = int(text)
    elif word == "fill":
        asked.body_size = int(text)
    else:
        raise Mistake(f"there is no line {word!r} in a case")
    return None


def echoed(asked, names):
    """The parameter, as Python's own client reads it."""
    return Expected(VALUE, xmlrpc.client.loads(asked.encoded_body(names))[0][0], "")


def make_case(file, name, lines, names):
    case = Case(file, name)
    asked, besides = Request(), b""
    has_request = False
    for line in lines:
        word, _, text = line.partition(" ")
        if word == "->":
            case.expected += read_answers(text)
            continue
        more = apply(asked, word, text, names)
        besides += more or b""
        has_request = has_request or more is None
    if not case.expected:
        raise Mistake("it says nothing of what must come back")
    case.has_tail = has_request and besides != b""
    case.sent = (asked.bytes(names) if has_request else b"") + besides
    case.expected = [echoed(asked, names) if one.kind == ECHO else one for one in case.expected]
    plain = has_request and not asked.chunked and not besides
    case.framed = case.sent.find(b"\r\n\r\n") if plain else len(case.sent)
    return case


def read_paragraphs(path):
    """Yields (name, lines): a line in the first column, and those indented beneath it.

    A line that is indented further goes on with the line before.
    """
    name, lines = None, []
    with open(path, encoding="utf-8") as file:
        for line in file.read().split("\n") + ["end"]:
            indent = len(line) - len(line.lstrip(" "))
            if not line.strip() or line.startswith("#"):
                continue
            if indent == 0:
                if name:
                    yield name, lines
                name, lines = line, []
            elif indent > 4:
                lines[-1] += line.strip()
            else:
                lines.append(line.strip())


def read_file(path):
    """The cases of a file, each with a name of its own."""
    taken = set()
    file = os.path.splitext(os.path.basename(path))[0]
    names = {"ping": "".join(f"\\x{byte:02x}" for byte in PING)}
    for name, lines in read_paragraphs(path):
        try:
            if name.startswith("let "):
                names[name[len("let "):]], = lines
            elif name in taken:
                raise Mistake("another case has this name")
            else:
                taken.add(name)
                yield make_case(file, name, lines, names)
        except (Mistake, SyntaxError, ValueError, KeyError) as error:
            raise Mistake(f"{path}: {name}: {error}") from error


def read(folder=""):
    """All cases of all files in a folder of the catalogue's."""
    return [case for path in sorted(glob.glob(os.path.join(FOLDER, folder, "*.cases")))
            for case in read_file(path)]
