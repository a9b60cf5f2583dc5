"""The journal's file: where it is, who may have it, what it keeps, and what becomes of it."""
import contextlib
import fcntl
import glob
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import xmlrpc.client

from lookout import (PATIENCE, RECORDING_FAILS, SERVER, STATE, Server, environment,
                     pages, read_events, run, small_disk, wait_until)


class Starting(unittest.TestCase):
    def assert_refused(self, pattern, *options, **changes):
        """The server must end with status 1, and one line that says why."""
        done = run(SERVER, "--listen", "127.0.0.1:0", *options, timeout=PATIENCE,
                   env=environment(**changes))
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, rf"\A[^\n]*{pattern}[^\n]*\n\Z")

    def test_a_journal_is_one_servers(self):
        with Server() as server, server.proxy() as proxy:
            link = server.journal + ".link"
            os.symlink(server.journal, link)
            for path in (server.journal, os.path.relpath(server.journal), link):
                with self.subTest(path=path):
                    self.assert_refused(f"in use by process {server.process.pid}.*--journal",
                                        "--journal", path)
            self.assertEqual(proxy.print("still here"), 1)
        with server.again() as again, again.proxy() as proxy:
            self.assertEqual(len(read_events(proxy, "print")), 1)

    def test_a_second_name_of_a_journal_is_refused(self):
        """The other server would lock that one: no lock is of the file itself."""
        with Server() as server, server.proxy() as proxy:
            link = server.journal + ".hard"
            os.link(server.journal, link)
            self.assert_refused("hard link", "--journal", link)
            self.assertEqual(proxy.print("still here"), 1)
            os.remove(link)

    def test_a_path_that_is_too_long(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = folder + "/" + "/".join(["x" * 100] * 5)
        self.assert_refused("longer than", "--journal", path)
        self.assertEqual(os.listdir(folder), [])

    def test_a_link_to_a_path_that_is_too_long(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        long = folder + "/" + "/".join(["x" * 100] * 5)
        os.makedirs(os.path.dirname(long))
        os.symlink(long, f"{folder}/link")
        self.assert_refused("longer than", "--journal", f"{folder}/link")

    def test_a_lock_of_nobody_knows_whom(self):
        """Its file names no process: whoever has it may be about to."""
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "journal.db")
        with open(path + "-lock", "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.assert_refused(r"in use by process \?", "--journal", path)

    def test_files_that_are_no_journal_are_left_alone(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        lookout = "PRAGMA application_id = 1280266059"
        cases = (("text", b"this is not a database\n" * 1000, "not a journal, or is damaged"),
                 ("short", b"SQLite format", "not a journal, or is damaged"),
                 ("noise", b"SQLite format 3\0" + b"\xa5" * 5000, "not a journal, or is damaged"),
                 ("other", ("CREATE TABLE events (mine)",), "another program's database"),
                 ("empty", ("PRAGMA application_id = 42",), "another program's database"),
                 ("later", (lookout, "PRAGMA user_version = 99"), "made by a later release"))
        for name, content, why in cases:
            path = os.path.join(folder, name)
            with self.subTest(name=name):
                if isinstance(content, bytes):
                    with open(path, "wb") as file:
                        file.write(content)
                else:
                    with contextlib.closing(sqlite3.connect(path)) as database:
                        for statement in content:
                            database.execute(statement)
                with open(path, "rb") as file:
                    before = file.read()
                self.assert_refused(f"{path}.*{why}", "--journal", path)
                self.assertFalse(name in ("text", "short") and os.path.exists(path + "-lock"))
                with open(path, "rb") as file:
                    self.assertEqual(file.read(), before)

    def test_a_folder_is_no_file(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.assert_refused(folder, "--journal", folder)
        self.assert_refused(folder, "--journal", folder + "/")

    def test_a_folder_that_cannot_be_made_or_written(self):
        self.assert_refused("/proc/lookout/journal.db", "--journal", "/proc/lookout/journal.db")
        with small_disk("1M") as folder:
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
            path = os.path.join(folder, "journal.db")
            self.assert_refused(f"{path}.*[Rr]ead-only", "--journal", path)

    def test_without_a_home_it_must_be_told(self):
        for home in (None, "", "relative"):
            self.assert_refused("--journal", HOME=home, XDG_STATE_HOME=home)

    def test_its_own_place_is_private(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        for variables, place in (({"XDG_STATE_HOME": f"{folder}/state"}, "state/lookout"),
                                 ({"HOME": f"{folder}/home", "XDG_STATE_HOME": ""},
                                  "home/.local/state/lookout"),
                                 ({"HOME": f"{folder}/own", "XDG_STATE_HOME": None},
                                  "own/.local/state/lookout")):
            with self.subTest(place=place):
                process = subprocess.Popen([SERVER, "--listen", "127.0.0.1:0"],
                                           stdout=subprocess.PIPE, text=True,
                                           env=environment(**variables))
                with process:
                    process.stdout.readline()  # it listens, and has its journal
                    process.terminate()
                self.assertEqual(process.returncode, 0)
                path = os.path.join(folder, place)
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o700)
                for name in os.listdir(path):
                    self.assertEqual(os.stat(os.path.join(path, name)).st_mode & 0o077, 0, name)
                self.assertIn("journal.db", os.listdir(path))

    def test_a_relative_path(self):
        path = os.path.relpath(os.path.join(tempfile.mkdtemp(dir=STATE), "new", "a b?c#%41.db"))
        with Server("--journal", path) as server, server.proxy() as proxy:
            proxy.print("x")
            self.assertTrue(os.path.exists(path))
            server.wait_for_line("recording in " + re.escape(os.path.realpath(path)))
        with server.again() as again, again.proxy() as proxy:
            self.assertEqual(len(read_events(proxy, "print")), 1)


class Restarting(unittest.TestCase):
    def test_a_restart_goes_on_where_it_ended(self):
        with Server() as server, server.proxy() as proxy:
            ids = [proxy.monitor.sendEvent("before", i) for i in range(5)]
            before = read_events(proxy)
            cursor = ids[2]
        with server.again() as again, again.proxy() as proxy:
            new = proxy.monitor.sendEvent("after")
            events = read_events(proxy)
            self.assertEqual(events[:len(before)], before)
            self.assertEqual([event["type"] for event in events[len(before):]],
                             ["server.stop", "server.start", "after"])
            self.assertGreater(int(new), int(before[-1]["id"]))
            rest = list(pages(proxy, cursor))
            self.assertFalse(any(page["truncated"] for page in rest))
            self.assertEqual([event for page in rest for event in page["events"]],
                             [event for event in events if int(event["id"]) > int(cursor)])

    def test_it_goes_on_however_little_is_synced(self):
        for sync in ("full", "normal", "off"):
            with self.subTest(sync=sync):
                with Server("--sync", sync) as server, server.proxy() as proxy:
                    first = proxy.monitor.sendEvent("mine", 1)
                with server.again() as again, again.proxy() as proxy:
                    second = proxy.monitor.sendEvent("mine", 2)
                    self.assertEqual([event["id"] for event in read_events(proxy, "mine")],
                                     [first, second])
                    self.assertGreater(int(second), int(first))

    def test_ids_that_were_tampered_with_are_not_given_again(self):
        with Server() as server, server.proxy() as proxy:
            before = proxy.monitor.sendEvent("mine", 1)
        with contextlib.closing(sqlite3.connect(server.journal, isolation_level=None)) as database:
            database.execute("UPDATE state SET value = 1 WHERE name = 'reserved'")
        with server.again() as again, again.proxy() as proxy:
            self.assertGreater(int(proxy.monitor.sendEvent("mine", 2)), int(before))

    def test_data_that_was_tampered_with_is_shown_as_it_is(self):
        """One that no answer could carry would hide those after it from every reader."""
        with Server() as server, server.proxy() as proxy:
            ids = [proxy.monitor.sendEvent("mine", [i]) for i in range(3)]
        with contextlib.closing(sqlite3.connect(server.journal, isolation_level=None)) as database:
            for data, event_id in zip(("no <xml>", "a bell\a"), ids):
                database.execute("UPDATE events SET data = ? WHERE id = ?", (data, event_id))
        with server.again() as again, again.proxy() as proxy:
            self.assertEqual([event["data"] for event in read_events(proxy, "mine")],
                             ["no <xml>", "a bell\\a", [2]])

    def test_a_cursor_from_before_a_kill_is_still_one(self):
        """Also one past all events that were recorded: of a reader that had seen all."""
        server = Server()
        with server.proxy() as proxy:
            proxy.monitor.sendEvent("before")
            *_, page = pages(proxy)
        server.kill()
        with server.again() as again, again.proxy() as proxy:
            new = proxy.monitor.sendEvent("after")
            rest = list(pages(proxy, page["next"]))
            self.assertFalse(any(page["truncated"] for page in rest))
            self.assertEqual([(event["type"], event["id"]) for page in rest
                              for event in page["events"] if event["type"] != "server.start"],
                             [("after", new)])

    def test_in_memory_nothing_is_on_disk_and_nothing_is_left(self):
        with tempfile.TemporaryDirectory() as folder:
            options = ("--journal", ":memory:")
            variables = {"HOME": folder, "XDG_STATE_HOME": folder}
            with Server(*options, variables=variables) as server, server.proxy() as proxy:
                old = proxy.monitor.sendEvent("before", "x" * 1000)
                self.assertEqual(len(read_events(proxy, "before")), 1)
                files = f"/proc/{server.process.pid}/fd"
                targets = [os.readlink(os.path.join(files, name)) for name in os.listdir(files)]
                self.assertEqual([target for target in targets if ".db" in target], [])
                server.wait_for_line("recording in memory: .*")
            with server.again() as again, again.proxy() as proxy:
                new = proxy.monitor.sendEvent("after")
                page = proxy.monitor.readEvents(old, 1000)
                self.assertTrue(page["truncated"])
                self.assertEqual([event["type"] for event in page["events"]],
                                 ["server.start", "after"])
                self.assertGreater(int(new), int(old))
            self.assertEqual(os.listdir(folder), [])
        self.assertFalse(os.path.exists(":memory:"))

    def test_old_pages_in_memory_are_read_too(self):
        with Server("--journal", ":memory:", "--recent", "64K") as server, server.proxy() as proxy:
            ids = [proxy.monitor.sendEvent("x", "x" * 1000) for _ in range(300)]
            self.assertEqual([event["id"] for event in read_events(proxy, "x")], ids)


class Keeping(unittest.TestCase):
    def test_old_events_go_and_readers_are_told(self):
        with Server("--keep-events", "10") as server, server.proxy() as proxy:
            ids = [proxy.monitor.sendEvent("kept", i) for i in range(100)]
            for after, truncated in (("", True), (ids[0], True), (ids[-12], True),
                                     (ids[-11], False), (ids[-5], False), (ids[-1], False)):
                with self.subTest(after=after):
                    page = proxy.monitor.readEvents(after, 1000)
                    self.assertEqual([event["id"] for event in page["events"]],
                                     [number for number in ids[-10:]
                                      if int(number) > int(after or 0)])
                    self.assertIs(page["truncated"], truncated)
                    self.assertEqual(page["first"], ids[-10])

    def test_events_go_after_some_days(self):
        """Those of a journal that was not used for long."""
        with Server() as server, server.proxy() as proxy:
            old = [proxy.monitor.sendEvent("old", i) for i in range(700)]
        with sqlite3.connect(server.journal) as journal:
            journal.execute("UPDATE events SET time = time - 3 * 86400")
        journal.close()
        with server.again("--keep-days", "2") as again, again.proxy() as proxy:
            new = proxy.monitor.sendEvent("new")
            wait_until(lambda: not read_events(proxy, "old"), "old events are still there")
            page = proxy.monitor.readEvents(old[5], 1000)
            self.assertTrue(page["truncated"])
            self.assertEqual([event["type"] for event in page["events"]], ["server.start", "new"])
            self.assertGreater(int(new), int(old[-1]))

    def test_no_days_are_for_ever(self):
        with Server() as server, server.proxy() as proxy:
            old = [proxy.monitor.sendEvent("old", i) for i in range(5)]
        with sqlite3.connect(server.journal) as journal:
            journal.execute("UPDATE events SET time = 1")
        journal.close()
        with server.again("--keep-days", "0") as again, again.proxy() as proxy:
            proxy.monitor.sendEvent("new")  # what is recorded removes what is too old
            self.assertEqual([event["id"] for event in read_events(proxy, "old")], old)

    def test_connections_do_not_push_out_prints(self):
        with Server("--keep-events", "50", "--quiet") as server, server.proxy() as proxy:
            prints = [[f"print {i}"] for i in range(5)]
            for arguments in prints:
                proxy.print(*arguments)
            for _ in range(2000):
                server.connect().close()
            wait_until(lambda: [proxy.monitor.getStatus()["connections"][what]
                                for what in ("total", "open")] == [2001, 1],
                       "not all have come and left")
            proxy.monitor.sendEvent("mark")  # is recorded behind all of them
            self.assertEqual([event["data"] for event in read_events(proxy, "print")], prints)
            visits = read_events(proxy, "connect", "disconnect")
            self.assertLessEqual(len(visits), 50)
            self.assertEqual(visits[-1]["type"], "disconnect")
            self.assertFalse(proxy.monitor.readEvents("", 1)["truncated"])
            self.assertTrue(proxy.monitor.readEvents("", 1, ["connect"])["truncated"])

    def test_a_cursor_that_was_never_given_reads_from_the_start(self):
        with Server() as server, server.proxy() as proxy:
            number = proxy.monitor.sendEvent("x")
            page = proxy.monitor.readEvents(str(int(number) + 10**9), 1000)
            self.assertTrue(page["truncated"])
            self.assertEqual([event["type"] for event in page["events"]], ["server.start", "x"])
            self.assertEqual(page["next"], number)


class Mishaps(unittest.TestCase):
    """What people do to a journal while its server runs."""

    def send(self, proxy):
        """Sends events until one is recorded again. Its id, and the texts of the faults before."""
        faults = []

        def is_well():
            try:
                return proxy.monitor.sendEvent("after")
            except xmlrpc.client.Fault as fault:
                self.assertEqual(fault.faultCode, -32500)
                faults.append(fault.faultString)
                return None

        return wait_until(is_well, "it does not recover"), faults

    def test_a_file_that_is_taken_away_is_made_anew(self):
        with Server("--recent", "64K", expect_stderr=RECORDING_FAILS) as server, \
                server.proxy() as proxy:
            old = [proxy.monitor.sendEvent("old", "x" * 1000) for _ in range(200)]
            for path in glob.glob(glob.escape(server.journal) + "*"):
                os.remove(path)
            new, faults = self.send(proxy)
            self.assertIn("taken away", faults[0])
            self.assertGreater(int(new), int(old[-1]))
            self.assertEqual([event["id"] for event in read_events(proxy, "after")], [new])
            # More than memory holds: the older of them are read from the new file.
            after = [new] + [proxy.monitor.sendEvent("after", "x" * 1000) for _ in range(200)]
            self.assertEqual([event["id"] for event in read_events(proxy, "after")], after)
            self.check_truncated(proxy, old, new)
        with server.again() as again, again.proxy() as proxy:
            self.assertEqual([event["id"] for event in read_events(proxy, "after")], after)
            self.assertGreater(int(proxy.monitor.sendEvent("after")), int(after[-1]))
            self.check_truncated(proxy, old, new)

    def check_truncated(self, proxy, old, new):
        for after, truncated in (("", True), (old[0], True), (old[-1], False), (new, False)):
            with self.subTest(after=after):
                self.assertIs(proxy.monitor.readEvents(after, 1)["truncated"], truncated)

    def test_a_file_that_is_taken_away_without_its_log(self):
        with Server("--recent", "64K", expect_stderr=RECORDING_FAILS) as server, \
                server.proxy() as proxy:
            for _ in range(200):
                proxy.monitor.sendEvent("old", "x" * 1000)
            read_events(proxy)  # the older of them from the file, whose index is thereby in use
            os.remove(server.journal)
            new, _ = self.send(proxy)
            after = [new] + [proxy.monitor.sendEvent("after", "x" * 1000) for _ in range(200)]
            self.assertEqual([event["id"] for event in read_events(proxy, "after")], after)

    def test_a_log_that_is_taken_away_alone(self):
        """What was recorded in it is not lost, nor is anything recorded where nobody finds it."""
        with Server("--recent", "64K", expect_stderr=RECORDING_FAILS) as server, \
                server.proxy() as proxy:
            before = [proxy.monitor.sendEvent("kept", "x" * 1000) for _ in range(200)]
            read_events(proxy)
            os.remove(server.journal + "-wal")
            new, _ = self.send(proxy)
            after = [proxy.monitor.sendEvent("kept", "x" * 1000) for _ in range(300)]
            self.assertEqual([event["id"] for event in read_events(proxy, "kept")], before + after)
            server.kill()
            server.stop = lambda: None  # it has ended
        with server.again() as again, again.proxy() as proxy:
            self.assertEqual([event["id"] for event in read_events(proxy, "kept")], before + after)
            self.assertEqual([event["id"] for event in read_events(proxy, "after")], [new])

    def test_a_folder_that_is_emptied_is_still_one_servers(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(folder, "journal.db")
        with Server("--journal", path, expect_stderr=RECORDING_FAILS) as server, \
                server.proxy() as proxy:
            proxy.monitor.sendEvent("before")
            for name in os.listdir(folder):
                os.remove(os.path.join(folder, name))
            self.send(proxy)
            done = run(SERVER, "--listen", "127.0.0.1:0", "--journal", path, timeout=PATIENCE)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"in use by process {server.process.pid}", done.stderr)

    def test_a_folder_that_another_server_has_taken_is_left_alone(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(folder, "journal.db")
        with Server("--journal", path, expect_stderr=[*RECORDING_FAILS, "not told"]) as server, \
                server.proxy() as proxy:
            proxy.monitor.sendEvent("before")
            for name in os.listdir(folder):
                os.remove(os.path.join(folder, name))
            with Server("--journal", path) as other:
                for _ in range(3):
                    with self.assertRaises(xmlrpc.client.Fault) as caught:
                        proxy.monitor.sendEvent("refused")
                self.assertIn(f"in use by process {other.process.pid}",
                              caught.exception.faultString)
                self.assertIn("journal.db-shm", os.listdir(folder))

    def test_a_second_name_that_comes_later_ends_nothing(self):
        """Programs that keep copies make such names; the server recovers from what it has."""
        with Server(expect_stderr=RECORDING_FAILS) as server, server.proxy() as proxy:
            proxy.monitor.sendEvent("before")
            os.link(server.journal, server.journal + ".copy")
            os.remove(server.journal + "-wal")
            self.send(proxy)

    def test_a_folder_whose_name_is_hard_to_tell(self):
        """Whatever its name, the server goes on when it is back."""
        for name in (b"bad\xff", b"control\x01", "<ä&\"\\>".encode()):
            folder = os.path.join(tempfile.mkdtemp(dir=STATE).encode(), name)
            with self.subTest(name=name), \
                    Server("--journal", os.fsdecode(folder + b"/journal.db"),
                           expect_stderr=RECORDING_FAILS) as server, server.proxy() as proxy:
                proxy.monitor.sendEvent("before")
                os.rename(folder, folder + b".away")
                with self.assertRaises(xmlrpc.client.Fault):
                    for _ in range(10):
                        proxy.monitor.sendEvent("refused")
                with contextlib.suppress(xmlrpc.client.Fault):
                    proxy.monitor.sendEvent("refused")  # the second failure has it opened anew
                os.mkdir(folder)
                self.send(proxy)
                wait_until(lambda: read_events(proxy, "gap"), "no gap event")

    def test_another_program_that_leaves_does_not_take_the_log_along(self):
        """Who believes to be the last user of a file removes its log: the server has to be seen."""
        with Server(expect_stderr=RECORDING_FAILS) as server, server.proxy() as proxy:
            with contextlib.closing(sqlite3.connect(server.journal, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                for _ in range(3):  # what fails twice is opened anew
                    with self.assertRaisesRegex(xmlrpc.client.Fault, "locked"):
                        proxy.monitor.sendEvent("refused")
            self.send(proxy)
            run(sys.executable, "-c", "import sqlite3, sys; "
                "sqlite3.connect(sys.argv[1]).execute('SELECT * FROM journal').fetchall()",
                server.journal)
            ids = [proxy.monitor.sendEvent("kept") for _ in range(20)]
            server.kill()
            server.stop = lambda: None  # it has ended
        with server.again() as again, again.proxy() as proxy:
            self.assertEqual([event["id"] for event in read_events(proxy, "kept")], ids)

    def test_a_file_that_another_program_locks(self):
        with Server(expect_stderr=RECORDING_FAILS) as server, server.proxy() as proxy:
            proxy.monitor.sendEvent("before")
            with contextlib.closing(sqlite3.connect(server.journal, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with self.assertRaisesRegex(xmlrpc.client.Fault, "locked"):
                    proxy.monitor.sendEvent("refused")
                self.assertEqual(len(read_events(proxy, "before")), 1)
            self.send(proxy)
            self.assertEqual(read_events(proxy, "refused"), [])

    def test_another_program_may_read(self):
        with Server() as server, server.proxy() as proxy:
            ids = [proxy.monitor.sendEvent("mine", i) for i in range(5)]
            with contextlib.closing(sqlite3.connect(server.journal, isolation_level=None)) as other:
                other.execute("BEGIN")
                query = "SELECT id FROM journal WHERE type = 'mine' ORDER BY id"
                self.assertEqual([str(number) for number, in other.execute(query)], ids)
                proxy.monitor.sendEvent("mine")
                self.assertEqual([str(number) for number, in other.execute(query)], ids)

    def test_old_pages_of_a_damaged_file_are_faults(self):
        with Server("--recent", "64K", expect_stderr=[*RECORDING_FAILS, "not told"]) as server, \
                server.proxy() as proxy:
            for _ in range(2000):  # more than the write-ahead log keeps back from the file
                last = proxy.monitor.sendEvent("old", "x" * 1000)
            with open(server.journal, "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(8192)
                file.write(b"\xa5" * (size - 8192))
            with self.assertRaisesRegex(xmlrpc.client.Fault, "cannot be read.*damaged"):
                read_events(proxy, "old")
            page = proxy.monitor.readEvents(str(int(last) - 1), 1)
            self.assertEqual([event["id"] for event in page["events"]], [last])
            self.assertEqual(proxy.monitor.ping(), "pong")


if __name__ == "__main__":
    unittest.main()
