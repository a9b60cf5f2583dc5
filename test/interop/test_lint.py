"""Each check of test/lint, and the compiler's of the locks, finds what it is there to find."""
import os
import tempfile
import unittest

from lookout import RELEASE
from making import SKIPPED, copy_tree, run_apart

LONG_FUNCTION = "void endless(void)\n{\n" + "    ;\n" * 69 + "}\n"
NULL_WRITTEN = "void fall(void);\nvoid fall(void)\n{\n    int *nowhere = 0;\n    *nowhere = 1;\n}\n"
UNLOCKED = "bool told(struct ready *ready);\nbool told(struct ready *ready)\n{\n" \
           "    return ready->told;\n}\n"
KEPT_LOCKED = "void stick(struct ready *ready);\nvoid stick(struct ready *ready)\n{\n" \
              "    pthread_mutex_lock(&ready->lock);\n}\n"
TWO_LOCKS = "void nest(struct ready *a, struct ready *b);\n" \
            "void nest(struct ready *a, struct ready *b)\n{\n" \
            "    pthread_mutex_lock(&a->lock);\n    pthread_mutex_lock(&b->lock);\n" \
            "    pthread_mutex_unlock(&b->lock);\n    pthread_mutex_unlock(&a->lock);\n}\n"


@unittest.skipUnless(RELEASE, "the sources are the same for every build")
class Lint(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="lookout-lint-")
        cls.addClassCleanup(holder.cleanup)
        cls.folder = os.path.join(holder.name, "lookout")
        copy_tree(cls.folder)

    def check_finds(self, check, path, added, complaint):
        """That the check, a command, fails with this complaint when this is added to the file."""
        whole = os.path.join(self.folder, path)
        with open(whole, encoding="utf-8") as file:
            before = file.read()
        try:
            with open(whole, "a", encoding="utf-8") as file:
                file.write(added)
            done = run_apart(*check, cwd=self.folder)
        finally:
            with open(whole, "w", encoding="utf-8") as file:
                file.write(before)
        if done.returncode == SKIPPED:
            self.skipTest(done.stdout.strip())
        self.assertNotEqual(done.returncode, 0, f"{check} does not see {added!r} in {path}")
        self.assertRegex(done.stdout + done.stderr, complaint)

    def test_who_includes_whom(self):
        for path, header, complaint in (
                ("methods/print.c", '"core/gate.h"', r"print\.c:\d+: includes core/gate\.h"),
                ("core/text.h", '"methods/print.c"', r"text\.h:\d+: includes methods/print\.c"),
                ("cli/run.c", '"core/options.h"', r"cli/run\.c:\d+: includes core/options\.h"),
                ("core/event.c", "<sqlite3.h>", r"core/event\.c:\d+: includes sqlite3\.h"),
                ("core/head.c", "<sys/socket.h>", r"core/head\.c:\d+: .*: it is pure"),
                ("core/view.h", '"core/request.h"', "core/head → core/view → core/request")):
            self.check_finds(["test/lint/includes"], path, f"#include {header}\n", complaint)

    def test_what_is_too_long(self):
        self.check_finds(["test/lint/lengths"], "core/clock.c", LONG_FUNCTION,
                         r"core/clock\.c:\d+: endless is 72 lines long")
        for path, complaint in (("core/clock.c", r"core/clock\.c: \d+ lines"),
                                ("test/test_xml.c", r"test/test_xml\.c: \d+ lines")):
            self.check_finds(["test/lint/lengths"], path, "\n" * 500, complaint)

    def test_layout(self):
        self.check_finds(["test/lint/format"], "core/clock.c", "int  x;\n", r"core/clock\.c")

    def test_scripts(self):
        self.check_finds(["test/lint/scripts"], "examples/client.py", "import json\n",
                         r"client\.py:\d+.*json")
        self.check_finds(["test/lint/scripts"], "packaging/make-dist", "echo $unquoted\n", "SC2086")

    def test_cppcheck(self):
        self.check_finds(["test/lint/cppcheck"], "core/clock.c", NULL_WRITTEN, "nullPointer")

    def test_locks(self):
        for added, complaint in ((UNLOCKED, "requires holding mutex"),
                                 (KEPT_LOCKED, "still held at the end of function"),
                                 (TWO_LOCKS, "'a_lock' that is already held")):
            self.check_finds(["make", "VARIANT=fuzz", "build/fuzz/core/ready.o"], "core/ready.c",
                             added, complaint)


if __name__ == "__main__":
    unittest.main()
