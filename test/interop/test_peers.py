"""Clients in other languages, and ours, run the same steps: each gives what the specifications say.

What a client cannot do itself is listed in peers.py, with how that shows; the test fails when it
shows otherwise, or no longer does.
"""
import unittest

from lookout import LookoutTest
from peers import PEERS, judge, meet


class Peers(LookoutTest):
    options = ("--validator",)

    def assert_all_is_well(self, peer):
        self.assertIsNone(peer.missing())
        self.assertEqual(judge(peer, meet(peer, self.server)), [])


def test_of(peer):
    return lambda self: self.assert_all_is_well(peer)


for each in PEERS:  # a test for each, so that a report names it
    setattr(Peers, f"test_{each.slug}", test_of(each))


if __name__ == "__main__":
    unittest.main()
