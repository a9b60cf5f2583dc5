"""The disk under a running server: its power fails, and each of its operations fails once in turn."""
import itertools
import os
import tempfile
import threading
import unittest
import xmlrpc.client

from crashing import TYPE, WRITERS, Writer, events_in
from lookout import PATIENCE, RECORDING_FAILS, SLOW, Server, read_events, wait_until

IMAGES = 100 if SLOW == 1 else 20

# What a server says whose disk fails, perhaps with its very last commit.
LOSSES = [*RECORDING_FAILS, "are not told in the journal"]
EVENTS_AN_IMAGE = 30
RESTARTED_EVERY = 10  # images: on one of them a server is started

VFS = {"LOOKOUT_TEST_VFS": "sync_ms=0"}


class PowerLoss(unittest.TestCase):
    """Images of the disk, taken while sixteen write: what would be there if the power failed."""

    def images(self, mode):
        """Yields number, path, and of each writer what it had been told just before it was taken."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        ended = threading.Event()
        taken = []
        with Server("--sync", mode, "--quiet", variables=VFS) as server, server.proxy() as proxy:
            writers = [Writer(server, 0, i, ended) for i in range(WRITERS)]
            for writer in writers:
                writer.start()
            for number in range(IMAGES):
                wait_until(lambda: sum(len(writer.acknowledged) for writer in writers)
                           > EVENTS_AN_IMAGE * number, "nothing is acknowledged")
                image = os.path.join(folder, f"{number}")
                os.mkdir(image)
                told = [len(writer.acknowledged) for writer in writers]
                proxy.test.vfsPowerLoss(image, number % 2 == 0, number)
                taken.append((os.path.join(image, os.path.basename(server.journal)), told))
            ended.set()
            server.stop()
            for writer in writers:
                writer.join(PATIENCE)
                self.assertIsNone(writer.failure)
        for number, (path, told) in enumerate(taken):
            yield number, path, [writer.acknowledged[:count]
                                 for writer, count in zip(writers, told)]

    def check_restart(self, image, told):
        """A server on the image serves at once, and gives none of the ids that were told."""
        with Server("--journal", image) as server, server.proxy() as proxy:
            new = int(proxy.monitor.sendEvent("new"))
            self.assertGreater(new, max(number or 0 for acknowledged in told
                                        for _, number in acknowledged))
            self.assertEqual([event["id"] for event in read_events(proxy, "new")], [str(new)])

    def test_nothing_that_was_acknowledged_is_lost(self):
        for number, path, told in self.images("full"):
            found = events_in(path)
            ids = [event.id for event in found]
            self.assertEqual(ids, sorted(set(ids)))
            tokens = {event.token: event.id for event in found if event.token}
            self.assertEqual(len(tokens), sum(event.token != "" for event in found),
                             "an event is there twice")
            for acknowledged in told:
                for token, given in acknowledged:
                    self.assertIn(token, tokens, f"lost in image {number}")
                    self.assertIn(given, (None, tokens[token]))
            if number % RESTARTED_EVERY == 0:
                self.check_restart(path, told)

    def test_in_normal_mode_the_newest_may_be_lost_and_no_others(self):
        without_tail = 0
        for number, path, told in self.images("normal"):
            tokens = {event.token for event in events_in(path)}
            for acknowledged in told:
                are_there = [token in tokens for token, _ in acknowledged]
                self.assertEqual(are_there, sorted(are_there, reverse=True), f"image {number}")
                without_tail += not all(are_there)
            if number % RESTARTED_EVERY == 0:
                self.check_restart(path, told)
        self.assertGreater(without_tail, 0, "nothing was ever lost, so this has shown nothing")


class Faults(unittest.TestCase):
    """One operation on the disk fails: the first, then the second, and so on."""

    def attempt(self, tokens, function, *params):
        """Takes note of what becomes of the tokens that a call records."""
        try:
            function(*params)
        except xmlrpc.client.Fault as fault:
            self.assertEqual(fault.faultCode, -32500)
            self.assertRegex(fault.faultString, "^not recorded: ")
            # Of a multicall that is refused, a part may have been recorded.
            (self.refused if len(tokens) == 1 else self.unsure).extend(tokens)
        else:
            self.acknowledged += tokens

    def work(self, proxy, names):
        one, two, three, four = (f"{next(names):05}" for _ in range(4))
        self.attempt([one], proxy.print, one)
        self.attempt([two], proxy.monitor.sendEvent, TYPE, two)
        both = [{"methodName": "print", "params": [three]},
                {"methodName": "monitor.sendEvent", "params": [TYPE, four]}]
        self.attempt([three, four], proxy.system.multicall, both)

    def settle(self, proxy):
        """Returns when events are recorded again."""
        def is_well():
            try:
                return proxy.monitor.sendEvent("settled")
            except xmlrpc.client.Fault:
                return None
        wait_until(is_well, "it does not recover")

    def shown(self, proxy):
        """The tokens that are recorded, but for those that may be or not."""
        tokens = (event["data"] if event["type"] == TYPE else event["data"][0]
                  for event in read_events(proxy, "print", TYPE))
        return [token for token in tokens if token not in self.unsure]

    def test_each_failure_is_told_and_nothing_else_is_lost(self):
        self.acknowledged, self.refused, self.unsure = [], [], []
        names = itertools.count()
        with Server("--keep-events", "12", "--quiet", expect_stderr=RECORDING_FAILS,
                    variables=VFS) as server, server.proxy() as proxy:
            for n in itertools.count(1):
                self.settle(proxy)
                proxy.test.vfsFailAt(n)
                self.work(proxy, names)
                has_failed = proxy.test.vfsHasFailed()
                proxy.test.vfsFailAt(0)
                self.settle(proxy)
                shown = self.shown(proxy)
                self.assertEqual(shown, self.acknowledged[len(self.acknowledged) - len(shown):])
                self.assertTrue(shown)
                if not has_failed:
                    break
            self.assertGreater(n, 8)
            self.assertGreater(len(self.refused), 2)
            self.assertGreater(len(self.unsure), 2)
            server.kill()
            server.stop = lambda: None  # it has ended
            with server.again() as again, again.proxy() as after:
                self.assertEqual(set(self.shown(after)) - set(self.acknowledged), set())
                self.assertEqual(self.shown(after)[-1:], self.acknowledged[-1:])

    def test_a_start_on_a_disk_that_fails(self):
        """It serves, or it ends and says why; what was recorded before is there in any case."""
        with Server() as server, server.proxy() as proxy:
            proxy.print("before")
        began, ended = 0, 0
        for n in itertools.count(1):
            settings = {"LOOKOUT_TEST_VFS": f"fail_at={n}"}
            try:
                again = Server(*server.options, variables=settings, expect_stderr=LOSSES)
            except AssertionError as error:
                self.assertRegex(str(error), "error: cannot (use|open|read) the journal")
                ended += 1
                continue
            began += 1
            with again, again.proxy() as proxy:
                self.assertEqual([event["data"] for event in read_events(proxy, "print")],
                                 [["before"]])
                self.settle(proxy)
                if not proxy.test.vfsHasFailed():
                    break
        self.assertGreater(ended, 1)
        self.assertGreater(began, 1)

    def test_a_first_start_on_a_disk_that_fails_leaves_nothing_in_the_way(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        for n in itertools.count(1):
            journal = os.path.join(folder, f"{n}.db")
            try:
                with Server("--journal", journal, variables={"LOOKOUT_TEST_VFS": f"fail_at={n}"},
                            expect_stderr=LOSSES):
                    break
            except AssertionError as error:
                self.assertRegex(str(error), "cannot (use|open|read) the journal")
            with Server("--journal", journal) as server, server.proxy() as proxy:
                proxy.print("after")
                self.assertEqual(len(read_events(proxy, "print")), 1)
        self.assertGreater(n, 5)


if __name__ == "__main__":
    unittest.main()
