"""The bars: what Lookout must reach beside whom, and whether it did."""
import dataclasses
import statistics

from workloads import SLEEP_S, SLEEPERS


@dataclasses.dataclass(frozen=True)
class Bar:
    """A figure of Lookout's, as so many times that of another, or by itself."""

    workload: str
    what: str  # a field of measure.Figures
    against: str  # a contender; or "", and `unit` says what the figure is in
    limit: float
    aim: float = None
    unit: str = "×"
    scale: float = 1  # what the figure by itself is divided by

    @property
    def at_least(self):
        return self.what == "rate"

    def value(self, rounds):
        """The median, least and greatest of the rounds; None where one was not measured."""
        ours, theirs = rounds.get("lookout"), rounds.get(self.against) if self.against else None
        if not ours or (self.against and not theirs):
            return None
        values = [getattr(one, self.what) / self.scale for one in ours]
        if theirs:
            values = [one / getattr(other, self.what) for one, other in zip(values, theirs)]
        return statistics.median(values), min(values), max(values)

    def reaches(self, value, limit):
        return limit is not None and (value >= limit if self.at_least else value <= limit)

    def verdict(self, value):
        if self.reaches(value, self.aim):
            return "met, and the aim"
        return "met" if self.reaches(value, self.limit) else "**missed**"


def _ping(what, *bars):
    return [Bar(f"ping{count}", what, *bar) for count in (16, 64) for bar in bars]


BARS = [
    Bar("ping16", "rate", "abyss", 2.3, 3),
    Bar("ping64", "rate", "abyss", 2.7, 3.5),
    *_ping("rate", ("python", 9), ("rpyc", 5), ("go", 1.5), ("nginx", 0.5, 0.7), ("ros", 0.5, 1)),
    *_ping("cpu_us", ("abyss", 0.35, 0.2)),
    Bar("connect", "rate", "abyss", 2.0),
    Bar("connect", "rate", "nginx", 1.0, 1.3),
    Bar("echo", "rate", "abyss", 1.5, 2.5),
    Bar("echo", "rate", "ros", 1.1, 1.8),
    Bar("sleep", "rate", "", 0.9, unit="of the ideal", scale=SLEEPERS / SLEEP_S),
    Bar("idle", "kib", "", 2, 1, unit="KiB"),
    Bar("idle", "p99_ms", "", 5, unit="ms"),
    Bar("ping64", "p99_ms", "abyss", 1, 0.5),
]
