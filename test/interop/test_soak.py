"""A short soak: what is left of good, slow and hostile clients (make soak: for a long time)."""
import unittest

from lookout import SLOW
from soaking import Soak

SECONDS = 6  # too short to say anything of the memory


@unittest.skipIf(SLOW == 4, "the address sanitizer has seen each part of it alone")
class ShortSoak(unittest.TestCase):
    def test_nothing_is_left_of_them(self):
        soak = Soak()
        self.addCleanup(soak.server.kill)
        soak.run(SECONDS)
        soak.server.stop()


if __name__ == "__main__":
    unittest.main()
