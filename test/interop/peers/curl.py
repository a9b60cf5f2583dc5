"""curl with an XML body as a peer: see ../peers.py for what a peer reads and writes.

The XML is written and read here, as one who calls with curl does it by hand: it has every type.
"""
import sys
import xml.etree.ElementTree as tree

from values import run, serve

NAMES = {"dateTime": "dateTime.iso8601"}
READ = {"int": int, "i4": int, "i8": int, "double": float, "boolean": "1".__eq__,
        "base64": lambda text: "".join(text.split())}


def add(parent, tagged):
    (kind, value), = tagged.items()
    element = tree.SubElement(tree.SubElement(parent, "value"), NAMES.get(kind, kind))
    if kind == "array":
        data = tree.SubElement(element, "data")
        for item in value:
            add(data, item)
    elif kind == "struct":
        for name, member in value.items():
            pair = tree.SubElement(element, "member")
            tree.SubElement(pair, "name").text = name
            add(pair, member)
    elif kind == "boolean":
        element.text = str(int(value))
    elif kind != "nil":
        element.text = str(value)


def read(value):
    if len(value) == 0:
        return {"string": value.text or ""}
    element = value[0]
    if element.tag == "array":
        return {"array": [read(item) for item in element.iterfind("data/value")]}
    if element.tag == "struct":
        return {"struct": {member.findtext("name"): read(member.find("value"))
                           for member in element.iterfind("member")}}
    if element.tag == "nil":
        return {"nil": None}
    kind = {"i4": "int", "dateTime.iso8601": "dateTime"}.get(element.tag, element.tag)
    return {kind: READ.get(element.tag, str)(element.text or "")}


def outcome(step):
    call = tree.Element("methodCall")
    tree.SubElement(call, "methodName").text = step["method"]
    params = tree.SubElement(call, "params")
    for value in step["params"]:
        add(tree.SubElement(params, "param"), value)
    status, answer, complaint = run(
        "curl", "--silent", "--show-error", "--fail", "-H", "Content-Type: text/xml",
        "--data-binary", "@-", sys.argv[1],
        stdin='<?xml version="1.0" encoding="UTF-8"?>' + tree.tostring(call, "unicode"))
    if status != 0:
        return {"error": complaint}
    response = tree.fromstring(answer)
    fault = response.find("fault/value")
    if fault is None:
        return {"result": read(response.find("params/param/value"))}
    members = read(fault)["struct"]
    return {"fault": {"code": members["faultCode"]["int"],
                      "string": members["faultString"]["string"]}}


serve(outcome)
