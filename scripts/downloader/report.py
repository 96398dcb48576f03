"""How far a download is: a bar on a terminal, a log line now and then elsewhere."""

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import TextIO

from tqdm import tqdm

_EVERY = 30.0  # s, between log lines

logger = logging.getLogger(__name__)


class Report:
    """Counts slices done and bytes fetched; told by any thread."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = Lock()
        self._bar: tqdm | None = None
        self._total = self._done = self._bytes = 0
        self._began = self._told = clock()

    def begin(self, total: int, done: int) -> None:
        """Say that `done` of `total` slices are there already."""
        self._total, self._done, self._bytes = total, done, 0
        self._began = self._told = self._clock()
        if self._stream.isatty():
            self._bar = tqdm(total=total, initial=done, unit="file", file=self._stream, smoothing=0.05)

    def advance(self, size: int) -> None:
        """Count `size` bytes more."""
        with self._lock:
            self._bytes += size
            if self._bar is not None:
                self._bar.set_postfix_str(self._traffic(), refresh=False)
            elif self._clock() - self._told > _EVERY:
                self._told = self._clock()
                logger.info("%d of %d files, %s", self._done, self._total, self._traffic())

    def done(self) -> None:
        """Count one slice more."""
        with self._lock:
            self._done += 1
            if self._bar is not None:
                self._bar.update()

    def end(self) -> str:
        """Return a summary in words; the bar ends."""
        if self._bar is not None:
            self._bar.close()
        seconds = self._clock() - self._began
        return f"{self._done} of {self._total} files, {self._traffic()}, {seconds:.0f} s"

    def _traffic(self) -> str:
        seconds = max(self._clock() - self._began, 1e-3)
        return f"{self._bytes / 1e6:.1f} MB at {self._bytes / 1e6 / seconds:.1f} MB/s"
