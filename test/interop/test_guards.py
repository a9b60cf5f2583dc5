"""That a server whose XML guards are not in place refuses to serve."""
import os
import unittest

from lookout import run

UNGUARDED = os.path.abspath(os.environ.get("LOOKOUT_UNGUARDED", "build/release/test/unguarded"))


class Unguarded(unittest.TestCase):
    def test_it_refuses_to_serve(self):
        done = run(UNGUARDED, "--listen", "127.0.0.1:0")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, "refusing to serve: .* DOCTYPE")


if __name__ == "__main__":
    unittest.main()
