"""That a server refuses to serve whose XML guards are not in place, or that finds a release of
xmlrpc-c with which it was never tested."""
import os
import unittest

from lookout import environment, run

UNGUARDED = os.path.abspath(os.environ.get("LOOKOUT_UNGUARDED", "build/release/test/unguarded"))
UNTESTED = os.path.join(os.path.dirname(UNGUARDED), "untested")  # built for xmlrpc-c 1.60


class Refusals(unittest.TestCase):
    def assert_refuses(self, why, program, **options):
        done = run(program, "--listen", "127.0.0.1:0", **options)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, why)

    def test_without_guards(self):
        self.assert_refuses("refusing to serve: .* DOCTYPE", UNGUARDED)

    def test_a_release_that_was_never_tested(self):
        self.assert_refuses("refusing to serve: .* never tested with xmlrpc-c 1\\.60", UNTESTED,
                            env=environment(LOOKOUT_RELEASE="1.60"))

    def test_another_release_than_it_was_built_for(self):
        for found in ("1.33", "1.59", "1.61"):
            self.assert_refuses(f"built for xmlrpc-c 1\\.60 and finds {found}", UNTESTED,
                                env=environment(LOOKOUT_RELEASE=found))


if __name__ == "__main__":
    unittest.main()
