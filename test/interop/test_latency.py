"""The measure by which good clients are told to be served well: it must notice who is not."""
import unittest

import latency


class Steady(unittest.TestCase):
    def test_what_is_late_counts_for_all_that_was_not_asked_meanwhile(self):
        self.assertEqual(sorted(latency.steady([1, 10, 2], pause=2)), [1, 2, 2, 4, 6, 8, 10])

    def test_one_long_stop_among_thousands_of_calls_is_the_p99(self):
        """A server that stands still for 7 of 14 seconds."""
        self.assertGreater(latency.p99([0.001] * 2300 + [7.0], pause=0.002), 6.5)

    def test_short_ones_are_not(self):
        self.assertEqual(latency.p99([0.001] * 1000 + [0.007], pause=0.002), 0.001)


if __name__ == "__main__":
    unittest.main()
