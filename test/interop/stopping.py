"""Stops a server that has all hands full, and holds how it ended against what is promised.

Used by test/stop and by test_stopping.py.
"""
import random
import re
import sqlite3
import time

from behaviours import LARGE, LARGE_TYPE
from crowding import Crowd
from lookout import SLOW, Server, wait_for_waiters, wait_until

SYNC_MS = 20  # of the disk: so there are always some whose print is held
LOADED_S = (0.0, 0.3)  # from the moment at which all are there to the stop

WAITING = int(200 / SLOW)
# What a server says that the machine gave too little time to end in order.
LATE = ["threads that did not end in time", "the disk does not answer"]

LOAD = {"pressing": 64, "printing": 16, "waiting": WAITING, "slow reader": 50, "slow head": 50}


def require(condition, complaint):
    if not condition:
        raise AssertionError(complaint)


def printed_in(journal):
    """What the prints in a journal's file say, in order."""
    database = sqlite3.connect(journal)
    try:
        rows = database.execute("SELECT data FROM journal WHERE type = 'print' ORDER BY id")
        return [re.search(r"<string>(.*?)</string>", data)[1] for data, in rows]
    finally:
        database.close()


def is_loaded(proxy):
    states = [one["state"] for one in proxy.monitor.getConnections("", 1000)]
    return states.count("writing") >= LOAD["slow reader"] and "held" in states


def stop_under_load(moment=random):
    """One round; returns the seconds that the stop took, how many prints were answered, and whether
    the server had the time to end in order. Had it not, what it acknowledged counts all the same.
    """
    server = Server("--quiet", "--threads", "4", expect_stderr=LATE,
                    variables={"LOOKOUT_TEST_VFS": f"sync_ms={SYNC_MS}"})
    try:
        with server.proxy() as proxy:
            proxy.monitor.sendEvent(LARGE_TYPE, "x" * LARGE)
            with Crowd(server, LOAD) as crowd:
                crowd.await_ready()
                wait_for_waiters(proxy, WAITING)
                wait_until(lambda: is_loaded(proxy), "nothing is held, or read slowly")
                time.sleep(moment.uniform(*LOADED_S))
                began = time.monotonic()
                server.stop()
                seconds = time.monotonic() - began
                report = crowd.report()
    finally:
        server.kill()
    in_order = not server.stderr.all()
    require(not in_order or report.outcomes["waiting"] == {"empty": WAITING},
            f"what became of those who waited: {report.outcomes['waiting']}")
    for kind in ("pressing", "printing"):
        require(set(report.outcomes[kind]) <= {"closed", "reset"},
                f"what became of who was {kind}: {report.outcomes[kind]}")
    printed = printed_in(server.journal)
    acknowledged = [note for note in report.notes if isinstance(note, str)]
    lost = set(acknowledged) - set(printed)
    require(not lost, f"acknowledged, and lost: {lost}")
    require(len(set(printed)) == len(printed), "one was printed twice")
    return seconds, len(acknowledged), in_order
