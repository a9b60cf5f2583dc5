"""A copy of the tree to change and build; and programs that are no part of the make that tests."""
import os
import shutil

from lookout import ROOT, environment, run

SKIPPED = 77  # the exit status of a check of test/lint that this machine lacks something for

# Of the tree, what no build needs.
LEFT_OUT = {".git", "corpus", "screenshots", "__pycache__"}


def copy_tree(folder, *builds):
    """Copies the sources and these builds, with their times: make sees what is new."""
    def left_out(where, names):
        others = set(names) - set(builds) if where == os.path.join(ROOT, "build") else set()
        return LEFT_OUT | others

    shutil.copytree(ROOT, folder, ignore=left_out)


def run_apart(*command, cwd):
    """As from a shell of its own: a make that it runs does not ask ours for permission."""
    return run(*command, cwd=cwd, env=environment(MAKEFLAGS=None, MAKELEVEL=None, MFLAGS=None))
