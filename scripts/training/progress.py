"""Progress bars on a terminal, one line per phase elsewhere."""

import sys
import time


class Progress:
    """A bar for `total` steps. Written to standard error, so that results can be piped."""

    def __init__(self, title, total):
        self.title, self.total = title, total
        self.start, self.shown = time.monotonic(), 0.0
        self.done = 0

    def advance(self, count=1, note=""):
        self.done += count
        now = time.monotonic()
        if sys.stderr.isatty() and (now - self.shown > 0.2 or self.done >= self.total):
            self.shown = now
            left = (now - self.start) / self.done * (self.total - self.done)
            bar = "#" * (24 * self.done // self.total)
            line = f"{self.title} [{bar:24}] {self.done}/{self.total} {note}, {left:.0f} s left"
            print(f"\r{line[:118]:118}", end="", file=sys.stderr, flush=True)

    def finish(self, note=""):
        seconds = time.monotonic() - self.start
        end = f"{self.title}: {self.done} of {self.total} {note} in {seconds:.1f} s"
        print(f"\r{end[:118]:118}" if sys.stderr.isatty() else end, file=sys.stderr, flush=True)
