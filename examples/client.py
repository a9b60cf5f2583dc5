#!/usr/bin/env python3
"""Calls a Lookout server with nothing but the standard library.

    client.py [SERVER [status | ping | print ARG... | call METHOD ARG...]]

SERVER is HOST, HOST:PORT or a URL. An ARG is a string, or i/42, d/3.14, b/true, s/text, h/68656c,
t/20261123T10:11:12. The exit status is 0, 1 for a fault, 2 for usage, 3 for no server.
"""
import sys
from xmlrpc.client import Binary, DateTime, Fault, ProtocolError, ServerProxy

METHODS = {"status": "monitor.getStatus", "ping": "monitor.ping", "print": "print"}
TYPES = {"i": int, "d": float, "s": str, "b": {"true": True, "false": False}.__getitem__,
         "h": lambda digits: Binary(bytes.fromhex(digits)), "t": DateTime}


def value(argument):
    prefix, slash, text = argument.partition("/")
    return TYPES[prefix](text) if slash and prefix in TYPES else argument


def main(server="localhost", command="status", *arguments):
    port = "" if ":" in server.rpartition("]")[2] else ":18812"
    url = server if "://" in server else f"http://{server}{port}/RPC2"
    method, *arguments = arguments if command == "call" else (METHODS[command], *arguments)
    print(getattr(ServerProxy(url), method)(*map(value, arguments)))


try:
    main(*sys.argv[1:])
except Fault as fault:
    sys.exit(f"fault {fault.faultCode}: {fault.faultString}")  # status 1
except (KeyError, ValueError) as mistake:
    print(f"not understood: {mistake}\n{__doc__}", file=sys.stderr)
    sys.exit(2)
except (OSError, ProtocolError) as error:
    print(f"no answer: {error}", file=sys.stderr)
    sys.exit(3)
