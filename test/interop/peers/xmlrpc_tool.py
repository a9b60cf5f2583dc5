"""Debian's xmlrpc(1), of libxmlrpc-c, as a peer: see ../peers.py for what a peer reads and writes."""
import base64
import re
import sys

from arguments import argument
from values import run, serve

SCALARS = {"Integer": ("int", int), "64-bit integer": ("i8", int),
           "Floating Point": ("double", float), "Boolean": ("boolean", "TRUE".__eq__),
           "String": ("string", lambda text: unescaped(text[1:-1])),
           "Bit string": ("base64", lambda text: base64.b64encode(bytes.fromhex(text)).decode()),
           "Date/time": ("dateTime", str)}


def unescaped(text):
    """Later releases show the bytes of what is not ASCII as \\xc3\\xbc."""
    return re.sub(r"(?:\\x[0-9a-f]{2})+",
                  lambda match: bytes.fromhex(match[0].replace("\\x", "")).decode("utf-8"), text)


def value_of(lines):
    """Takes the lines of one value off the list; what an array or a struct holds is indented."""
    heading = lines.pop(0).strip()
    if heading == "Nil":
        return {"nil": None}
    container = re.fullmatch(r"(Array|Struct) of (\d+) (?:items|members)[:.]?", heading)
    if not container:
        kind, text = heading.split(": ", 1)
        tag, read = SCALARS[kind]
        return {tag: read(text)}
    if container[1] == "Array":
        return {"array": [inner(lines, r"Index +\d+ ") for _ in range(int(container[2]))]}
    return {"struct": {inner(lines, "Key: +")["string"]: inner(lines, "Value: ")
                       for _ in range(int(container[2]))}}


def inner(lines, label):
    lines[0] = re.sub(rf"^ *{label}", "", lines[0])
    return value_of(lines)


def outcome(step):
    status, output, complaint = run("xmlrpc", sys.argv[1], step["method"],
                                    *map(argument, step["params"]))
    fault = re.search(r"RPC failed at server\.  (.*)  \(XML-RPC fault code (-?\d+)\)", complaint)
    if fault:
        return {"fault": {"code": int(fault[2]), "string": fault[1]}}
    if status != 0:
        return {"error": complaint}
    return {"result": value_of(output.split("\n\n", 1)[1].splitlines())}


serve(outcome)
