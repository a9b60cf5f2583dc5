"""What the peers in Python share: tagged values as Python's own, and the loop of a peer."""
import base64
import datetime
import json
import subprocess
import sys

DATE = "%Y%m%dT%H:%M:%S"


TAGS = {bool: "boolean", int: "int", float: "double", str: "string", type(None): "nil"}


def tagged(value):
    if isinstance(value, (list, tuple)):
        return {"array": [tagged(item) for item in value]}
    if isinstance(value, dict):
        return {"struct": {name: tagged(member) for name, member in value.items()}}
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime.datetime):
        return {"dateTime": value.strftime(DATE)}
    return {TAGS[type(value)]: value}


def untagged(one):
    (kind, value), = one.items()
    if kind == "array":
        return [untagged(item) for item in value]
    if kind == "struct":
        return {name: untagged(member) for name, member in value.items()}
    if kind == "base64":
        return base64.b64decode(value)
    if kind == "dateTime":
        return datetime.datetime.strptime(value, DATE)
    return value


def run(*command, stdin=None):
    """What a client that is a program says: its exit status, output and complaint."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, encoding="utf-8",
                          errors="replace", check=False)
    return done.returncode, done.stdout, done.stderr


def serve(outcome):
    """Answers each step with what the function makes of it."""
    for line in sys.stdin:
        try:
            answer = outcome(json.loads(line))
        except Exception as error:  # pylint: disable=broad-except # whatever a client raises
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
