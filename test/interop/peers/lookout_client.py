"""Our own C client as a peer: see ../peers.py for what a peer reads and writes.

JSON has neither dateTime nor base64. So what has more than one value is asked for twice, as JSON and
as people see it, where a string has quotes and these have none.
"""
import base64
import binascii
import json
import re
import sys

from arguments import argument
from values import run, serve, tagged

CLIENT, SERVER = sys.argv[1:]


def typed(value, seen):
    """A value read from JSON, with the types that it has in the text for people."""
    if isinstance(value, list):
        return {"array": [typed(item, seen) for item in value]}
    if isinstance(value, dict):
        return {"struct": {name: typed(member, seen) for name, member in value.items()}}
    if isinstance(value, str) and json.dumps(value, ensure_ascii=False) not in seen:
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value):
            return {"dateTime": value.replace("-", "")}
        try:
            bytes_seen = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return tagged(value)
        if f"base64 of {len(bytes_seen)} bytes: {bytes_seen.hex()}" in seen:
            return {"base64": value}
    return tagged(value)


def outcome(step):
    call = (SERVER, "call", "--", step["method"], *map(argument, step["params"]))
    status, output, complaint = run(CLIENT, "--json", *call)
    fault = re.search(r"fault (-?\d+): (.*)", complaint)
    if status == 1 and fault:
        return {"fault": {"code": int(fault[1]), "string": fault[2]}}
    if status != 0:
        return {"error": complaint}
    value = json.loads(output)
    return {"result": typed(value, run(CLIENT, *call)[1] if isinstance(value, list) else "")}


serve(outcome)
