"""The clients of others, and ours, that run the steps: how each is started, what it cannot do.

A peer is a program of peers/ that is given the server's address, reads steps from stdin, one JSON
object a line (a method, and params tagged with their types: {"int": 42}), and writes for each one
line: {"result": …}, tagged too; {"fault": {"code": …, "string": …}}; or {"error": …}, when the
client itself would not do it. They have a folder of their own because they are in many languages.
"""
import dataclasses
import json
import os
import platform
import re
import subprocess
import sys

from lookout import CLIENT, PATIENCE, ROOT, environment, run
from steps import STEPS

SOURCES = f"{ROOT}/test/interop/peers"
BUILT = f"{ROOT}/build/interop"


@dataclasses.dataclass(frozen=True)
class Cannot:
    """What a client cannot do, and how that shows: a pattern of what became of the steps."""
    steps: tuple
    why: str
    shows: str
    since: tuple = ()  # the releases of which this is so
    before: tuple = (sys.maxsize,)


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    version: callable
    command: list  # but for the server's address
    cannot: tuple = ()
    variables: dict = dataclasses.field(default_factory=dict)
    needs: str = None  # what "make interop-peers" builds

    def missing(self):
        if self.needs and not os.path.exists(self.needs):
            return (f"{self.name} is not here ({self.needs}): make interop-peers says why; it "
                    "needs npm and its registry, and go")
        return None

    @property
    def slug(self):
        return re.sub(r"\W+", "_", self.name).lower()

    def inabilities(self):
        """Those of the release that is here."""
        here = release(self.version())
        return [one for one in self.cannot if one.since <= here < one.before]


def release(version):
    """Major and minor: what may change what a client can do."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def package(name):
    """The version that its authors gave to what is in a Debian package."""
    done = run("dpkg-query", "-W", "-f", "${Version}", name)
    return re.sub(r"^\d+:|-[^-]*$", "", done.stdout)


def said_by(*command):
    """The first version that a program names."""
    return re.search(r"\d+\.\d+(\.\d+)*", run(*command).stdout)[0]


def npm_version():
    with open(f"{BUILT}/node_modules/xmlrpc/package.json", encoding="utf-8") as file:
        return json.load(file)["version"]


def python(name, *arguments):
    return [sys.executable, "-B", f"{SOURCES}/{name}.py", *arguments]


NO_I8 = Cannot(("print i8",), "send an integer of more than 32 bits", "fit into 32 bits")
NO_NIL = Cannot(("print nil",), "send nil: what it has in its place is an empty string",
                'printed as: string ""')

BETWEEN = (1, 40)  # between the releases of xmlrpc-c that Debian 12 and 13 have

TOOL = (
    Cannot(("validator1 manyTypesTest", "print dateTime"),
           "send a dateTime: it sends a string in its place, or refuses to",
           r"double, string, base64\)|string \"t/2026|Junk after parameter specification: ':11:12'"),
    Cannot(("echo an emoji", "print an emoji"),
           "send a character outside the Basic Multilingual Plane: it refuses to",
           r"not in the Basic Multilingual Plane"),
    Cannot(("validator1 arrayOfStructsTest", "validator1 easyStructTest",
            "validator1 echoStructTest", "validator1 moderateSizeArrayCheck",
            "validator1 nestedStructTest", "system.multicall", "fault of a parameter",
            "echo non-ASCII", "print array", "print struct"),
           "send an array or a struct, nor anything within: it sends a string in its place",
           r'it was given \(string\)|string "(array|struct)/', before=BETWEEN),
    Cannot(("system.multicall", "print array"), "send an array of nothing: it refuses to",
           "Expected value type specifier", since=BETWEEN),
)

PEERS = [
    Peer("Python xmlrpc.client", platform.python_version, python("python_client"), cannot=(
        Cannot(("print i8",), "send an integer of more than 32 bits: it raises OverflowError",
               "OverflowError"),)),
    Peer("curl", lambda: said_by("curl", "--version"), python("curl")),
    Peer("xmlrpc (xmlrpc-c)", lambda: package("libxmlrpc-core-c3-dev"), python("xmlrpc_tool"),
         cannot=TOOL),
    Peer("Lookout's client", lambda: said_by(CLIENT, "--version"), python("lookout_client", CLIENT)),
    Peer("Perl RPC::XML", lambda: package("librpc-xml-perl"), ["perl", f"{SOURCES}/rpc_xml.pl"]),
    Peer("Perl Frontier::Client", lambda: package("libfrontier-rpc-perl"),
         ["perl", f"{SOURCES}/frontier.pl"], cannot=(NO_I8, NO_NIL)),
    Peer("PHP xmlrpc", lambda: said_by("php", "--version"), ["php", f"{SOURCES}/php_xmlrpc.php"],
         cannot=(NO_NIL,
                 Cannot(("print i8",), "send an integer of more than 32 bits: it sends the lowest "
                        "32", "printed as: int 1 square 1"),
                 Cannot(("validator1 nestedStructTest",), "send a struct whose names are all "
                        "numbers: it sends an array", r"it was given \(array\)"))),
    Peer("Ruby xmlrpc", lambda: package("ruby-xmlrpc"), ["ruby", f"{SOURCES}/ruby_xmlrpc.rb"],
         cannot=(Cannot(("print i8",), "send an integer of more than 32 bits: it raises an error",
                        "Integer is too big"),
                 Cannot(("validator1 manyTypesTest",), "tell base64 from a string in an answer",
                        r'"20261123T10:11:12"}, {"string": '))),
    Peer("Node xmlrpc", npm_version, ["node", f"{SOURCES}/node_xmlrpc.js"],
         variables={"NODE_PATH": f"{BUILT}/node_modules"}, needs=f"{BUILT}/node_modules/xmlrpc",
         cannot=(NO_I8, Cannot(("print whole double",), "send a double without a fraction: "
                               "JavaScript has one type of number, and this one goes as an int",
                               "printed as: int 4"))),
    Peer("Go kolo/xmlrpc", lambda: package("golang-github-kolo-xmlrpc-dev"), [f"{BUILT}/kolo"],
         needs=f"{BUILT}/kolo", cannot=(
             NO_I8,
             Cannot(("print nil",), "send nil: it sends a parameter without a value",
                    "this is not an XML-RPC call"),
             Cannot(("validator1 echoStructTest",), "tell an empty string from nil in an answer",
                    '"a": {"untyped": "<nil>"}'),
             Cannot(("validator1 manyTypesTest",), "tell base64 from a string in an answer",
                    r'"20261123T10:11:12"}, {"string": '))),
]


def meet(peer, server):
    """Has the peer run the steps; what is wrong with what became of each, by name: None if nothing.
    """
    asked = [json.dumps({"method": step.method, "params": step.params}) for step in STEPS]
    done, printed = server.printed_by(lambda: subprocess.run(
        [*peer.command, server.url], input="\n".join(asked) + "\n", capture_output=True, text=True,
        encoding="utf-8", errors="replace", timeout=6 * PATIENCE, check=False,
        env=environment(**peer.variables)))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(STEPS):
        raise AssertionError(f"{peer.name} answers {len(answers)} of {len(STEPS)} steps, and says: "
                             f"{done.stderr}")
    lines = lines_by_step(printed)
    return {step.name: step.complaint(answer, lines.get(step.name))
            for step, answer in zip(STEPS, answers)}


def lines_by_step(printed):
    """Of calls that printed a step's name and a value: what was shown of the value."""
    marks = ((re.match(r'1 string "(.*?)" ', mark), line) for mark, line in zip(printed, printed[1:]))
    return {mark[1]: line.removeprefix("2 ") for mark, line in marks if mark}


def judge(peer, complaints):
    """What is neither as it should be, nor as the peer's inabilities have it."""
    wrong = dict(complaints)
    for one in peer.inabilities():
        for step in one.steps:
            if complaints[step] is None:
                wrong[step] = f"it can do this now, though listed as: it cannot {one.why}"
            elif re.search(one.shows, complaints[step]):
                wrong[step] = None
    return [f"{step}: {complaint}" for step, complaint in wrong.items() if complaint]
