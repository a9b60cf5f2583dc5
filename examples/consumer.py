#!/usr/bin/env python3
"""Processes each event of a Lookout server exactly once, with nothing but the standard library.

    consumer.py SERVER DATABASE [TYPE...]

SERVER is HOST, HOST:PORT or a URL. DATABASE is a file of SQLite, made if it is missing, to which
each event is added. TYPEs are those wanted; without any, all but connect and disconnect. It may be
killed at any moment and started again, and so may the server: it goes on where it was.
"""
import json
import sqlite3
import sys
import time
from http.client import HTTPException
from xml.parsers.expat import ExpatError
from xmlrpc.client import Fault, ProtocolError, ServerProxy, Transport

WAIT_S = 30  # for the next event, until it is asked for again
GRACE_S = 10  # beyond that, until the server is taken for lost
LONGEST_PAUSE_S = 30  # between attempts to reach a server that is gone
PAGE = 100  # events at a time: so many are processed in one transaction

# What a server that stops, starts or is cut off can look like.
GONE = (OSError, HTTPException, ProtocolError, ExpatError)
CANNOT_NOW = -32500  # the fault of a server whose journal cannot be read


class PatientTransport(Transport):
    """Gives up in the end: a machine that lost its power never says that it is gone."""

    def make_connection(self, host):
        connection = super().make_connection(host)
        connection.timeout = WAIT_S + GRACE_S
        return connection


def open_database(path):
    database = sqlite3.connect(path)
    with database:
        database.execute("BEGIN IMMEDIATE")  # two that start at once must not both make them
        database.execute("CREATE TABLE IF NOT EXISTS processed (id, time, type, source, data)")
        database.execute("CREATE TABLE IF NOT EXISTS progress (after)")
        database.execute("INSERT INTO progress SELECT '' WHERE NOT EXISTS (SELECT * FROM progress)")
    return database


def process(database, event):
    """Your work. What it does in the database happens exactly once, as the transaction holds both
    it and the cursor. What it does elsewhere (a mail, a line printed) can happen again after a
    crash: the event's id, which is never reused, tells the receiver that it has it already."""
    database.execute("INSERT INTO processed VALUES (?, ?, ?, ?, ?)",
                     (event["id"], event["time"], event["type"], event["source"],
                      json.dumps(event["data"], default=str)))


def consume(server, database, types):
    """Waits for events, and processes those that came."""
    after, = database.execute("SELECT after FROM progress").fetchone()
    page = server.monitor.waitEvents(after, PAGE, WAIT_S, *([types] if types else []))
    if page["truncated"] and after:  # from the start there is no gap: it begins with what is kept
        print(f"gap: some events after {after} are no longer kept", file=sys.stderr, flush=True)
    if page["next"] == after:
        return
    with database:  # one transaction: all of it, or, when anything fails, nothing
        for event in page["events"]:
            process(database, event)
        # The cursor moves even if there are no events, past those of other types. It moves from
        # where this began, or not at all: a second consumer may have been here meanwhile.
        moved = database.execute("UPDATE progress SET after = ? WHERE after = ?",
                                 (page["next"], after)).rowcount
        if not moved:
            raise sqlite3.OperationalError("another consumer works on this database")


def main(server, path, *types):
    port = "" if ":" in server.rpartition("]")[2] else ":18812"
    url = server if "://" in server else f"http://{server}{port}/RPC2"
    proxy = ServerProxy(url, transport=PatientTransport())
    database = open_database(path)
    pause = 0
    while True:
        try:
            consume(proxy, database, types)
            pause = 0
        except (*GONE, Fault) as error:
            if isinstance(error, Fault) and error.faultCode != CANNOT_NOW:
                raise
            pause = min(2 * pause or 1, LONGEST_PAUSE_S)
            print(f"no answer, again in {pause} s: {error}", file=sys.stderr, flush=True)
            time.sleep(pause)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        main(*sys.argv[1:])
    except Fault as fault:
        sys.exit(f"fault {fault.faultCode}: {fault.faultString}")  # status 1
    except sqlite3.Error as error:
        sys.exit(f"{sys.argv[2]}: {error}")
    except KeyboardInterrupt:
        pass
