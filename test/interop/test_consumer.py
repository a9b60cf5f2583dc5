"""examples/consumer.py: each event is processed exactly once, whatever is killed or restarted."""
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import xmlrpc.client

from lookout import (Lines, PATIENCE, ROOT, SLOW, Server, environment, read_events, run,
                     wait_for_waiters, wait_until)

CONSUMER = os.path.join(ROOT, "examples", "consumer.py")
KILLS = 40 if SLOW == 1 else 8
LIFE_S = (0.05 * SLOW, 0.4 * SLOW)  # of a consumer: from its start-up to well into its work
BATCH = 50  # events sent in one call


class Consumer:
    """A consumer that runs; killed at the end, unless it has ended."""

    def __init__(self, server, path, *types):
        self.process = subprocess.Popen(
            [sys.executable, CONSUMER, f"{server.host}:{server.port}", path, *types],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment())
        self.stderr = Lines(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)

    def end(self, sign):
        self.process.send_signal(sign)
        self.process.wait(PATIENCE)
        self.stderr.join()


def processed(path):
    """(id, type, data) of what was processed, in that order; nothing before there is a table."""
    database = sqlite3.connect(path)
    try:
        rows = database.execute("SELECT id, type, data FROM processed ORDER BY rowid").fetchall()
    except sqlite3.OperationalError:  # killed before it made its tables, or it makes them now
        return []
    finally:
        database.close()
    return [(number, kind, json.loads(data)) for number, kind, data in rows]


def progress(path):
    """The cursor up to which all was processed."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT after FROM progress").fetchone()[0]


def recorded(server, *types):
    with server.proxy() as proxy:
        return [(event["id"], event["type"], event["data"])
                for event in read_events(proxy, *types)]


class Sender(threading.Thread):
    """Sends events in numbered batches, until it is told to stop."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self._proxy = server.proxy()
        self._done = threading.Event()

    def run(self):
        number = 0
        with self._proxy:
            while not self._done.wait(0.01 * SLOW):  # what is sent in all has to be processed, too
                calls = xmlrpc.client.MultiCall(self._proxy)
                for number in range(number + 1, number + 1 + BATCH):
                    calls.monitor.sendEvent("numbered", number)
                list(calls())

    def stop(self):
        self._done.set()
        self.join(PATIENCE)


class ExactlyOnce(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "events.db")

    def wait_for_all(self, expected):
        """Waits until so much was processed, and asserts that it was this."""
        wait_until(lambda: len(processed(self.path)) >= len(expected), "not all was processed")
        self.assertEqual(processed(self.path), expected)

    def test_killed_at_random_moments(self):
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        with self.subTest(seed=seed), Server() as server:
            sender = Sender(server)
            sender.start()
            interrupted = 0
            for _ in range(KILLS):
                before = len(processed(self.path))
                with Consumer(server, self.path):
                    time.sleep(dice.uniform(*LIFE_S))
                interrupted += len(processed(self.path)) > before
            sender.stop()
            self.assertGreater(interrupted, 0)  # else they were killed before they did anything
            with Consumer(server, self.path):
                self.wait_for_all(recorded(server))

    def test_two_at_once_on_one_database(self):
        with Server() as server, server.proxy() as proxy:
            with Consumer(server, self.path) as one, Consumer(server, self.path) as other:
                def event_ends_one():
                    proxy.monitor.sendEvent("numbered")
                    return any(each.process.poll() is not None for each in (one, other))
                wait_until(event_ends_one, "both go on")
            # Both saw an event, and one of them gave way; it, too, was processed once.
            with Consumer(server, self.path):
                self.wait_for_all(recorded(server))

    def test_a_server_that_restarts(self):
        for end in (Server.stop, Server.kill):
            with self.subTest(end=end.__name__):
                path = f"{self.path}.{end.__name__}"
                server = Server()
                with Consumer(server, path) as consumer:
                    with server.proxy() as proxy:
                        proxy.monitor.sendEvent("before")
                        wait_until(lambda: len(processed(path)) == 2, "not processed")
                    end(server)
                    consumer.stderr.wait_for("no answer, again in 1 s: .*", PATIENCE)
                    with server.again() as server, server.proxy() as proxy:
                        proxy.monitor.sendEvent("after")
                        expected = recorded(server)
                        wait_until(lambda: len(processed(path)) >= len(expected), "not processed")
                        self.assertEqual(processed(path), expected)
                        kinds = [kind for _, kind, _ in expected]
                        self.assertLess(kinds.index("before"), kinds.index("after"))

    def test_a_gap_is_told(self):
        with Server("--keep-events", "5") as server, server.proxy() as proxy:
            with Consumer(server, self.path):
                wait_until(lambda: len(processed(self.path)) == 1, "server.start not processed")
            seen = progress(self.path)
            for number in range(20):
                last = proxy.monitor.sendEvent("numbered", number)
            wait_until(lambda: proxy.monitor.readEvents(seen, 1)["truncated"], "nothing pruned")
            with Consumer(server, self.path) as consumer:
                wait_until(lambda: processed(self.path)[-1][0] == last, "not processed")
                consumer.stderr.wait_for(f"gap: some events after {seen} .*", PATIENCE)
            ids = [int(number) for number, _, _ in processed(self.path)]
            self.assertEqual(ids, sorted(set(ids)))

    def test_types(self):
        with Server() as server, server.proxy() as proxy:
            for kind in ("a", "b", "c", "a"):
                proxy.monitor.sendEvent(kind)
            with Consumer(server, self.path, "a", "c"):
                self.wait_for_all(recorded(server, "a", "c"))
            self.assertEqual([kind for _, kind, _ in processed(self.path)], ["a", "c", "a"])

    def test_how_it_ends(self):
        self.assertEqual(run(sys.executable, CONSUMER).returncode, 2)
        with Server() as server, server.proxy() as proxy:
            address = f"{server.host}:{server.port}"
            refused = run(sys.executable, CONSUMER, address, self.path, "no type")
            self.assertEqual(refused.returncode, 1)
            self.assertIn("fault -32602", refused.stderr)
            with Consumer(server, self.path) as consumer:
                wait_for_waiters(proxy, 1)
                consumer.end(signal.SIGINT)
            self.assertEqual((consumer.process.returncode, consumer.stderr.all()), (0, []))


if __name__ == "__main__":
    unittest.main()
