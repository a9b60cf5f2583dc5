"""That nothing acknowledged is lost when the server is killed under load (make crash: more)."""
import random
import tempfile
import unittest

from crashing import Ordeal
from lookout import SLOW

ROUNDS = 20
READY_S = 5 * SLOW  # generous; test/crash holds it to one second


class Crash(unittest.TestCase):
    def test_what_was_acknowledged_outlives_sigkill(self):
        seed = random.randrange(1 << 32)
        with self.subTest(seed=seed), tempfile.TemporaryDirectory() as folder:
            ordeal = Ordeal(folder, seed)
            acknowledged = 0
            for number in range(ROUNDS):
                done = ordeal.round(number)
                self.assertLess(done.ready_s, READY_S)
                acknowledged += done.acknowledged
            ordeal.finish()
        self.assertGreater(acknowledged, 0)


if __name__ == "__main__":
    unittest.main()
