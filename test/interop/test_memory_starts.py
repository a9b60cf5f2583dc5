"""Memory that runs out at each allocation of a start, and of the client."""
import itertools
import os
import re
import signal
import subprocess
import tempfile
import unittest

from lookout import PATIENCE, SERVER, SLOW, STATE, Server, environment, run
from memory import Allocator

# The client that has test/allocator.c, as the tests' server has.
FAILING_CLIENT = os.path.join(os.path.dirname(SERVER), "client")


@unittest.skipIf(SLOW > 4, "one thread starts all others: ThreadSanitizer has nothing to find")
class Starts(unittest.TestCase):
    """A start without memory fails, and says so; or all is well."""

    def setUp(self):
        self.memory = Allocator()

    def start(self, journal):
        """Starts, and ends what has started. True when it had."""
        command = [SERVER, "--listen", "127.0.0.1:0", "--journal", journal, "--allow-host", "here"]
        with subprocess.Popen(command, env=environment(**self.memory.variables), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            line = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=PATIENCE)
        if line:
            self.assertRegex(line, r"^listening on http://127\.0\.0\.1:\d+/RPC2$")
            self.assertEqual(process.returncode, 0, complaints)
        else:
            self.assertEqual(process.returncode, 1, complaints)
            self.assertRegex(complaints, r"^lookout: error: .*[Mm]emory.*")
            self.assertLessEqual(complaints.count("\n"), 2, complaints)
        return bool(line)

    def assert_starts_or_says_why(self, fail, place):
        for number in itertools.count(1):
            self.memory.relent()
            before = self.memory.failed
            fail(number)
            try:
                has_started = self.start(place(number))
            except Exception as error:
                raise AssertionError(f"at allocation {number}: {error}") from error
            if self.memory.failed == before:
                break
        self.assertTrue(has_started)
        self.assertGreater(number, 20)

    def test_one_allocation_fails(self):
        folder = tempfile.mkdtemp(dir=STATE)
        self.assert_starts_or_says_why(self.memory.fail_at,
                                       lambda number: f"{folder}/one/{number}.db")

    @unittest.skipIf(SLOW > 1, "differs from the others in little; a sanitizer takes its time")
    def test_one_allocation_fails_without_a_file(self):
        self.assert_starts_or_says_why(self.memory.fail_at, lambda number: ":memory:")

    @unittest.skipIf(SLOW > 1, "differs from the others in little; a sanitizer takes its time")
    def test_all_fail_from_one_on(self):
        folder = tempfile.mkdtemp(dir=STATE)
        self.assert_starts_or_says_why(self.memory.fail_from,
                                       lambda number: f"{folder}/all/{number}.db")


@unittest.skipIf(SLOW > 1, "hundreds of short runs, which a sanitizer makes long")
class Clients(unittest.TestCase):
    """The client's own memory: it does what it is asked, or says why not."""

    COMMANDS = (["ping"], ["print", "i/42", "d/0.5", "array/(i/1,struct/{a:s/b})", "h/00ff"],
                ["connections"], ["help", "print"], ["send", "mine", "s/x"],
                ["events", "--type", "mine"], ["call", "no.such"],
                ["--json", "call", "test.echo", "struct/{a:d/0.5,b:b/true}"])

    def test_each_command(self):
        memory = Allocator()
        self.first = 1
        with Server() as server:
            for words in self.COMMANDS:
                with self.subTest(command=words):
                    self.assert_does_it_or_says_why(memory, [f"{server.host}:{server.port}",
                                                             *words])

    def assert_does_it_or_says_why(self, memory, words):
        def look():
            done = run(FAILING_CLIENT, *words, env=environment(**memory.variables))
            complaint = done.stderr.partition("\n")[0]  # a hint may follow it, and may be missing
            shown = [re.sub("[0-9.]+", "0", text) for text in (done.stdout, complaint)]
            return done.returncode, *shown
        right = look()
        for number in itertools.count(self.first):
            before = memory.failed
            memory.fail_at(number)
            seen = look()
            memory.relent()
            if memory.failed == before:
                break
            if seen != right:
                self.assertIn(seen[0], (0, 1, 2, 3), (number, seen))
                self.assertRegex(seen[1] + seen[2], "(?i)memory", (number, seen))
            if "guards" in seen[2]:
                self.first = number  # before that all commands do the same
        self.assertGreater(number, self.first + 1)


if __name__ == "__main__":
    unittest.main()
