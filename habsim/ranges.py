"""Ranges of a bucket's objects, read many at once.

Each process has a pool of its own, also after a fork.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Lock

from habsim.bucket import Bucket, Head
from habsim.mirror import Range
from habsim.s3 import CONNECTIONS


class Ranges:
    """Reads ranges of the objects of `bucket`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._made: tuple[int, ThreadPoolExecutor] | None = None
        self._lock = Lock()

    def read(self, name: str, head: Head, ranges: Sequence[Range]) -> Iterator[tuple[int, bytes]]:
        """Yield the first byte's number and the content of each range of an object, as they come.

        The object must still be what `head` says.  Raises `StoreError` as soon as one cannot be read.
        """
        pool = self._pool()
        waiting = {pool.submit(self._bucket.read_range, name, a, b - a, head.etag): a for a, b in ranges}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:
            for each in waiting:
                each.cancel()

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                self._made = os.getpid(), ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="range")
            return self._made[1]
