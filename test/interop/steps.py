"""What every peer does: the steps, and what each must give by the specifications.

Values are tagged with their XML-RPC type: {"int": 42}. A `print` step prints its own name before
the value, so that its line is found among what the server shows.
"""
import dataclasses
import datetime
import json

from lookout import calendar, utc_in_local_time

COLUMNS = ("validator1", "print", "introspection", "multicall", "fault", "text")
MOMENT = datetime.datetime(2026, 11, 23, 10, 11, 12)


@dataclasses.dataclass(frozen=True)
class Step:
    column: str
    name: str
    method: str
    params: list
    result: object = None  # a tagged value, in which a function is asked about its place
    fault: tuple = None  # in place of a result: the code, and what its text has
    line: str = None  # what the terminal shows of the value printed

    def complaint(self, outcome, line):
        """What is wrong with what became of it, or None."""
        if self.fault:
            code, text = self.fault
            fault = outcome.get("fault", {})
            good = fault.get("code") == code and text in fault["string"]
        else:
            good = "result" in outcome and agrees(self.result, outcome["result"])
        return None if good and line == self.line else shown(outcome, line)


def shown(outcome, line):
    return json.dumps(outcome, ensure_ascii=False) + (f" printed as: {line}" if line else "")


def agrees(wanted, value):
    if callable(wanted):
        return wanted(value)
    (kind, content), = wanted.items()
    if not isinstance(value, dict) or list(value) != [kind]:
        return False
    other = value[kind]
    if kind == "array":
        return len(content) == len(other) and all(map(agrees, content, other))
    if kind == "struct":
        return content.keys() == other.keys() and all(agrees(content[name], other[name])
                                                      for name in content)
    return content == other


def has_text(text):
    return lambda value: text in value.get("string", "")


def has_strings(*texts):
    return lambda value: set(texts) <= {item.get("string") for item in value.get("array", [])}


def has_member(name, wanted):
    return lambda value: agrees(wanted, value.get("struct", {}).get(name, {}))


def integer(number):
    return {"int": number}


def string(text):
    return {"string": text}


def array(*items):
    return {"array": list(items)}


def struct(**members):
    return {"struct": members}


def stooges(moe, larry, curly):
    return struct(moe=integer(moe), larry=integer(larry), curly=integer(curly))


def of_ints(value):
    """A nest of dicts with ints, tagged."""
    if isinstance(value, dict):
        return {"struct": {name: of_ints(member) for name, member in value.items()}}
    return integer(value)


MANY_TYPES = [integer(-7), {"boolean": True}, string("a & b"), {"double": 0.5},
              {"dateTime": MOMENT.strftime("%Y%m%dT%H:%M:%S")}, {"base64": "AP8="}]
WORDS = [f"word {i}" for i in range(120)]
ECHOED = struct(number=integer(-2**31), truth={"boolean": False}, text=string("<a> & \"b\""),
                half={"double": 0.5}, list=array(integer(1), string("two")), inner=struct(a=string("")))


def validator1(method, params, result):
    return Step("validator1", f"validator1 {method}", f"validator1.{method}", params, result)


VALIDATOR1 = [
    validator1("arrayOfStructsTest", [array(stooges(1, 2, 3), stooges(1, 2, -4), stooges(1, 2, 10))],
               integer(9)),
    validator1("countTheEntities", [string("<<>&'\"\"\" & ü")],
               struct(ctLeftAngleBrackets=integer(2), ctRightAngleBrackets=integer(1),
                      ctAmpersands=integer(2), ctApostrophes=integer(1), ctQuotes=integer(3))),
    validator1("easyStructTest", [stooges(1, 20, 300)], integer(321)),
    validator1("echoStructTest", [ECHOED], ECHOED),
    validator1("manyTypesTest", MANY_TYPES, array(*MANY_TYPES)),
    validator1("moderateSizeArrayCheck", [array(*map(string, WORDS))],
               string(WORDS[0] + WORDS[-1])),
    validator1("nestedStructTest", [of_ints(calendar({"moe": 1, "larry": 20, "curly": 300}))],
               integer(321)),
    validator1("simpleStructReturnTest", [integer(-7)],
               struct(times10=integer(-70), times100=integer(-700), times1000=integer(-7000))),
]


def printed(name, value, line, column="print"):
    return Step(column, f"print {name}", "print", [string(f"print {name}"), value], integer(2),
                line=line)


PRINT = [
    printed("int", integer(42), "int 42 square 1764"),
    printed("double", {"double": -2.5}, "double -2.5 square 6.25"),
    printed("whole double", {"double": 4.0}, "double 4.0 square 16.0"),
    printed("true", {"boolean": True}, "boolean true"),
    printed("false", {"boolean": False}, "boolean false"),
    printed("string", string("a <b> & \"c\""), 'string "a <b> & \\"c\\"" 11 characters'),
    printed("dateTime", {"dateTime": MOMENT.strftime("%Y%m%dT%H:%M:%S")},
            f"dateTime 2026-11-23T10:11:12 as UTC is {utc_in_local_time(*MOMENT.timetuple()[:6])}"),
    printed("base64", {"base64": "AP8="}, "base64 00 ff 2 bytes"),
    printed("array", array(integer(1), string("two"), array()), 'array [1, "two", []] 3 items'),
    printed("struct", struct(a=array(integer(1))), 'struct {"a": [1]} 1 member'),
    printed("nil", {"nil": None}, "nil"),
    printed("i8", {"i8": 2**53 + 1},
            "i8 9007199254740993 square 81129638414606699710187514626049"),
]

METHODS = ("print", "system.listMethods", *(step.method for step in VALIDATOR1))
FAULT_CODES = struct(specUrl=has_text("rfc.fault_codes"), specVersion=integer(20010516))

OTHERS = [
    Step("introspection", "system.listMethods", "system.listMethods", [], has_strings(*METHODS)),
    Step("introspection", "system.methodSignature", "system.methodSignature",
         [string("validator1.manyTypesTest")],
         array(array(*map(string, ("array", "int", "boolean", "string", "double",
                                   "dateTime.iso8601", "base64"))))),
    Step("introspection", "system.methodHelp", "system.methodHelp",
         [string("validator1.echoStructTest")], has_text("struct")),
    Step("introspection", "system.getCapabilities", "system.getCapabilities", [],
         has_member("faults_interop", FAULT_CODES)),
    Step("multicall", "system.multicall", "system.multicall",
         [array(struct(methodName=string("monitor.ping"), params=array()),
                struct(methodName=string("no.such"), params=array()),
                struct(methodName=string("validator1.easyStructTest"),
                       params=array(stooges(1, 20, 300))))],
         array(array(string("pong")),
               struct(faultCode=integer(-32601), faultString=has_text("no.such")),
               array(integer(321)))),
    Step("fault", "fault of no method", "no.such", [], fault=(-32601, "no.such")),
    Step("fault", "fault of a parameter", "validator1.easyStructTest", [struct(moe=integer(1))],
         fault=(-32602, "larry")),
    Step("text", "echo non-ASCII", "validator1.echoStructTest", [struct(text=string("Grüße, 漢字"))],
         struct(text=string("Grüße, 漢字"))),
    Step("text", "echo an emoji", "validator1.echoStructTest", [struct(text=string("😀 👋"))],
         struct(text=string("😀 👋"))),
    printed("non-ASCII", string("Grüße"), 'string "Grüße" 5 characters, 7 bytes', "text"),
    printed("an emoji", string("😀"), 'string "😀" 1 character, 4 bytes', "text"),
]

STEPS = [*VALIDATOR1, *PRINT, *OTHERS]
