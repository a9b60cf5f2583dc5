"""`make install`: what it puts where works from there, and `make uninstall` leaves nothing."""
import os
import tempfile
import unittest

from lookout import RELEASE, ROOT, Server, run
from making import run_apart

PROGRAMS = ["bin/lookout", "bin/lookoutd"]
PAGES = ["share/man/man1/lookout.1", "share/man/man1/lookoutd.1"]
OTHERS = "share/doc/lookout/"


def make(target, folder, prefix="/usr"):
    done = run_apart("make", target, f"DESTDIR={folder}", f"PREFIX={prefix}", cwd=ROOT)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder)
                  for where, _, names in os.walk(folder) for name in names)


@unittest.skipUnless(RELEASE, "it is the release build that is installed")
class Install(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="lookout install ")  # a path with blanks, too
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        make("install", self.folder)
        self.tree = os.path.join(self.folder, "usr")

    def path(self, name):
        return os.path.join(self.tree, name)

    def test_the_programs_run_from_there_under_their_names(self):
        with Server(program=self.path("bin/lookoutd")) as server:
            done = run(self.path("bin/lookout"), f"127.0.0.1:{server.port}", "print", "hello")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            server.wait_for_line(r'print conn\d+ 1 string "hello" .*')
        for name in PROGRAMS:
            done = run(self.path(name), "--help")
            self.assertRegex(done.stdout, rf"\AUsage: {os.path.basename(name)} \[")
            self.assertNotIn("./client", done.stdout)  # there is none here
            self.assertIn("lookout", run(self.path(name), "--version").stdout)
            wrong = run(self.path(name), "--nonsense")
            self.assertRegex(wrong.stderr, rf"\A(.*/)?{os.path.basename(name)}: ")

    def test_each_program_has_a_manual_page_of_its_name(self):
        for page in PAGES:
            name = os.path.basename(page)[:-len(".1")]
            with open(self.path(page), encoding="utf-8") as file:
                self.assertRegex(file.read(), rf"(?m)^\.SH NAME\n{name} \\- ")

    def test_nothing_else_is_put_there_and_all_of_it_goes(self):
        found = files_below(self.tree)
        self.assertEqual([name for name in found if not name.startswith(OTHERS)],
                         PROGRAMS + PAGES)
        self.assertIn(OTHERS + "API.md", found)
        theirs = os.path.join(self.tree, "bin", "somebody-elses")
        os.close(os.open(theirs, os.O_CREAT))
        make("uninstall", self.folder)
        self.assertEqual(files_below(self.folder), ["usr/bin/somebody-elses"])
        self.assertFalse(os.path.exists(self.path(OTHERS)))

    def test_modes_let_everybody_read_and_only_programs_run(self):
        for name in files_below(self.tree):
            mode = os.stat(self.path(name)).st_mode & 0o777
            self.assertEqual(mode, 0o755 if name in PROGRAMS else 0o644, name)


if __name__ == "__main__":
    unittest.main()
