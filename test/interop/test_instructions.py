"""Nothing has made calls dearer: their instructions are counted against those recorded."""
import subprocess
import unittest

from lookout import RELEASE, ROOT


@unittest.skipUnless(RELEASE, "of the release build alone")
class Instructions(unittest.TestCase):
    def test_a_call_takes_no_more_than_recorded(self):
        done = subprocess.run([f"{ROOT}/bench/instructions"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        print(done.stdout, end="", flush=True)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
