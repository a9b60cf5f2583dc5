"""How far a long run is, and about how long it still takes: on stderr."""
import sys
import time

EVERY_S = 30  # where it is no terminal


class Progress:
    def __init__(self, steps):
        self._steps, self._done = steps, 0
        self._began = time.monotonic()
        self._shown = 0.0
        self._terminal = sys.stderr.isatty()

    def step(self, what):
        """Says that the next step begins."""
        now = time.monotonic()
        text = f"{100 * self._done // self._steps:3} %{self._left(now)}: {what}"
        self._done += 1
        if self._terminal:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        elif now - self._shown >= EVERY_S:
            print(text, file=sys.stderr, flush=True)
            self._shown = now

    def _left(self, now):
        if self._done == 0:
            return ""
        seconds = (now - self._began) * (self._steps - self._done) / self._done
        left = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
        return f", about {left} left"

    def end(self):
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
