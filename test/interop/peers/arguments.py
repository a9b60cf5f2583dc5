"""Values as the command lines of Debian's xmlrpc tool and of our client have them."""
import base64
import re

LETTERS = {"int": "i", "i8": "I", "double": "d", "string": "s", "dateTime": "t"}


def argument(tagged, inside=False):
    (kind, value), = tagged.items()
    if kind == "array":
        return f"array/({','.join(argument(item, True) for item in value)})"
    if kind == "struct":
        return "struct/{" + ",".join(f"{escaped(name)}:{argument(member, True)}"
                                     for name, member in value.items()) + "}"
    if kind == "boolean":
        return "b/true" if value else "b/false"
    if kind == "base64":
        return "h/" + base64.b64decode(value).hex()
    if kind == "nil":
        return "n/"
    return f"{LETTERS[kind]}/{escaped(str(value)) if inside else value}"


def escaped(text):
    return re.sub(r"[\\,:(){}]", r"\\\g<0>", text)
