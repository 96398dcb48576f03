"""Finished answers, kept for an hour within a number of bytes and readable by every worker."""

import math
import os
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from habsim.files import publish

LIFETIME = 3600.0  # s
_SWEEP = 10.0  # s, between looks for answers to remove


class Results:
    """Answers (JSON) and the pictures (PNG) of their densities.

    A file's name is the identity of the question, so an answer is never invalidated, only outlived.
    """

    def __init__(self, folder: Path, capacity: int) -> None:
        self._folder = folder
        self._capacity = capacity
        self._swept = -math.inf

    def put(self, identity: str, answer: bytes, picture: bytes, lifetime: float = LIFETIME) -> None:
        """Keep an answer and its picture for `lifetime`, an hour at most."""
        for suffix, content in (("png", picture), ("json", answer)):
            path = self._folder / f"{identity}.{suffix}"
            publish(path, partial(_write, content=content), durable=False)
            if lifetime < LIFETIME:
                born = time.time() - LIFETIME + lifetime
                os.utime(path, (born, born))
        if time.monotonic() - self._swept > _SWEEP:
            self._swept = time.monotonic()
            self._sweep()

    def answer(self, identity: str) -> bytes | None:
        """Return the answer to `identity`, or None if it is not there, or no longer."""
        return self._read(f"{identity}.json")

    def picture(self, identity: str) -> bytes | None:
        """Return the picture of `identity`, or None if it is not there, or no longer."""
        return self._read(f"{identity}.png")

    def count(self) -> int:
        """Return how many answers are kept."""
        return sum(1 for _ in self._folder.glob("*.json"))

    def _read(self, name: str) -> bytes | None:
        path = self._folder / name
        try:
            fresh = abs(time.time() - path.stat().st_mtime) <= LIFETIME
            return path.read_bytes() if fresh else None
        except FileNotFoundError:
            return None

    def _sweep(self) -> None:
        """Remove what is too old, then the oldest until the rest fits; others may be sweeping too."""
        files = []
        for path in self._folder.iterdir():  # also what was left half made
            with suppress(FileNotFoundError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        room = self._capacity
        for modified, size, path in sorted(files, reverse=True):
            room -= size
            if room < 0 or abs(time.time() - modified) > LIFETIME:
                path.unlink(missing_ok=True)


def _write(stream: BinaryIO, content: bytes) -> None:
    stream.write(content)
