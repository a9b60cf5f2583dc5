"""That the catalogue bites: without a guard of the server, cases that it is for fail.

test/hostile/guards says where each guard is. One is taken out at a time, and only its file is
compiled anew. Done with the release build alone: what is tested is the catalogue, not the server.
"""
import concurrent.futures
import os
import queue
import re
import shutil
import subprocess
import unittest

import catalogue
from judge import complaint
from lookout import RELEASE, ROOT, Server
from volley import Shot, fire

SOURCES = ("Makefile", "server.c", "core", "methods", "test/methods", "test/disk.c", "test/disk.h",
           "test/vfs.c", "test/vfs.h", "examples/methods")
OBJECTS = "build/release"
PROGRAM = "build/release/test/server"
PLACE = os.path.join(ROOT, "build", "bite")
AT_ONCE = 2  # compilers


def xmlrpc_c():
    return subprocess.run(["xmlrpc-c-config", "--version"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def release_in(text):
    """The first "1.59" of a text, as numbers."""
    return [int(number) for number in re.search(r"(\d+)\.(\d+)", text).groups()]


class Guard:
    def __init__(self, name, lines):
        said = [line.partition(" ")[::2] for line in lines]
        self.name = name
        (self.file, self.out, self.put), = zip(*([text for word, text in said if word == one]
                                                 for one in ("file", "out", "in")))
        self.cases = [text for word, text in said if word == "bites"]
        self.until = next((text for word, text in said if word == "until"), "")

    def is_needed(self):
        """Whether the release of xmlrpc-c that is here has not made it superfluous."""
        return not self.until or release_in(xmlrpc_c()) < release_in(self.until)

    def take_out(self, folder):
        path = os.path.join(folder, self.file)
        with open(path, encoding="utf-8") as file:
            source = file.read()
        if source.count(self.out) != 1:
            raise AssertionError(f"{self.file} has not once: {self.out}")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source.replace(self.out, self.put))


def read_guards():
    """What all servers are built without, and the guards."""
    path = os.path.join(catalogue.FOLDER, "guards")
    base, *guards = [Guard(*paragraph) for paragraph in catalogue.read_paragraphs(path)]
    return base, guards


class Tree:
    """A copy of the sources and of what was compiled from them, to build servers in."""

    def __init__(self, folder, base):
        self.folder = folder
        for source in (*SOURCES, OBJECTS):
            self.copy(source)
        base.take_out(folder)

    def copy(self, source):
        """With its time, by which make sees what has to be compiled."""
        path, to = os.path.join(ROOT, source), os.path.join(self.folder, source)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if os.path.isdir(path):
            shutil.copytree(path, to, dirs_exist_ok=True)
        else:
            shutil.copy2(path, to)

    def build(self, name, guard=None):
        """A server, without the guard if one is given. Afterwards the tree is as it was."""
        if guard:
            guard.take_out(self.folder)
        # With glibc's malloc, which sees what libxmlrpc frees twice; mimalloc goes on, at times.
        done = subprocess.run(["make", "-s", "-C", self.folder, "VARIANT=release", "MALLOC=",
                               PROGRAM],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise AssertionError(f"no server without this guard: {guard.name}\n{done.stdout}")
        program = os.path.join(PLACE, name)
        shutil.copy2(os.path.join(self.folder, PROGRAM), program)
        if guard:
            self.copy(guard.file)
            self.copy(os.path.join(OBJECTS, os.path.splitext(guard.file)[0] + ".o"))
        return program


class Builder:
    """Builds servers ahead of the tests, some at once."""

    def __init__(self, base):
        shutil.rmtree(PLACE, ignore_errors=True)
        self.trees = queue.Queue()
        for number in range(AT_ONCE):
            self.trees.put(Tree(os.path.join(PLACE, f"tree{number}"), base))
        self.pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)

    def build(self, name, guard=None):
        def run():
            tree = self.trees.get()
            try:
                return tree.build(name, guard)
            finally:
                self.trees.put(tree)
        return self.pool.submit(run)


def complaint_of(program, case):
    """What is wrong with what a server of its own sends back for a case; None when nothing is."""
    server = Server("--request-timeout", "0.5", program=program)
    shot = Shot(case.shot, end=case.silent)
    try:
        fire(server, [shot])
    except OSError as error:  # it has died, or hangs
        return repr(error)
    finally:
        server.kill()
    return complaint(case, shot.back)


@unittest.skipUnless(RELEASE, "the release build alone is taken apart")
class Bite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cases = {str(case): case for case in catalogue.read()}
        cls.base, cls.guards = read_guards()
        cls.builder = Builder(cls.base)
        cls.whole = cls.builder.build("whole")
        cls.without = {guard.name: cls.builder.build(f"without{number}", guard)
                       for number, guard in enumerate(cls.guards)}

    @classmethod
    def tearDownClass(cls):
        cls.builder.pool.shutdown(cancel_futures=True)
        shutil.rmtree(PLACE)

    def test_a_server_with_all_guards_passes(self):
        for guard in self.guards:
            for name in guard.cases:
                self.assertIsNone(complaint_of(self.whole.result(), self.cases[name]), name)

    def assert_bites(self, guard):
        self.assertTrue(guard.cases)
        if not guard.is_needed():
            self.skipTest(f"needed until {guard.until}")
        for name in guard.cases:
            wrong = complaint_of(self.without[guard.name].result(), self.cases[name])
            self.assertIsNotNone(wrong, f"without the guard this passes: {name}")
            print(f"{name}: {wrong}", end="; ")


def add_tests():
    """One for each guard."""
    for guard in read_guards()[1]:
        name = "test_without_" + guard.name.replace(" ", "_")
        setattr(Bite, name, lambda self, guard=guard: self.assert_bites(guard))


add_tests()

if __name__ == "__main__":
    unittest.main()
