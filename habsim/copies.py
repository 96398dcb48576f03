"""Copies of a bucket's objects on this host: sparse ones, filled as they are used, or whole ones.

A copy's name has the version of its object, a sparse one's also the boot of the machine, so that no copy is
ever out of date.  Once there is a whole copy, it is used.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

from habsim import member, mirror
from habsim.bucket import Bucket, Head
from habsim.errors import ChangedError, StoreError
from habsim.filecache import SPARSE, FileCache
from habsim.metrics import Metrics
from habsim.mirror import Range, SparseFile, Survey
from habsim.ranges import Ranges
from habsim.s3 import AbsentError

ELEVATION = "worldelev.npy"
_SMALL = 1 << 20  # bytes, up to which all of an object comes as soon as a part of it would

logger = logging.getLogger(__name__)


class Copies:
    """Copies in `folder` of objects of `bucket`; elevation stays, others take at most `capacity` bytes.

    `forget` is called when an object turns out to be another than it was; `boot` names the boot of the
    machine, by default the present one.
    """

    def __init__(
        self,
        bucket: Bucket,
        folder: Path,
        capacity: Callable[[], int],
        metrics: Metrics,
        forget: Callable[[], None],
        boot: str | None = None,
    ) -> None:
        self._bucket = bucket
        self._members = FileCache(folder, capacity)
        self._grounds = FileCache(folder / "elevation", 1 << 50)
        self._ranges = Ranges(bucket)
        self._metrics = metrics
        self._forget = forget
        self._given_boot = boot

    def file(self, name: str, head: Head, survey: Survey) -> Path | SparseFile:
        """Return the whole copy of object `name` if there is one or it is small, else a mirror."""
        if self.small(head) or self.whole(name, head):
            return self.copied(name, head)
        cache, copy = self._cache(name), self._mirror(name, head)
        read = partial(self._read, name, head)
        self._metrics.count_cache("files", hit=cache.has(copy))
        if not cache.has(copy):
            self._drop_mirrors(name, but=copy)
        path = cache.begun(copy, lambda stream: mirror.begin(stream, name, head.size, read, survey))
        return SparseFile(path, name, head.size, read, partial(cache.growing, copy))

    def copied(self, name: str, head: Head) -> Path:
        """Return the whole copy of object `name`, made if need be; its checksums are checked once."""
        tries = 0

        def fill(stream: BinaryIO) -> None:
            nonlocal tries
            tries += 1
            self._download(name, head, stream)

        path = self._cache(name).get(self._copy(name, head), head.size, fill, partial(_check, name))
        self._metrics.count_cache("files", hit=tries == 0)
        if tries:
            self._drop_mirrors(name)
        return path

    @staticmethod
    def small(head: Head) -> bool:
        """Return whether an object is so small that it is copied whole when it is first needed."""
        return head.size <= _SMALL

    def whole(self, name: str, head: Head) -> bool:
        """Return whether there is a whole copy of object `name`."""
        return self._cache(name).has(self._copy(name, head))

    def share(self, name: str, head: Head) -> float:
        """Return how much of object `name` is here, from 0 to 1."""
        if self.whole(name, head):
            return 1.0
        try:
            return mirror.share(self._cache(name).folder / self._mirror(name, head), head.size)
        except FileNotFoundError:
            return 0.0

    def drop(self, name: str, head: Head) -> None:
        """Remove what there is of object `name`."""
        self._cache(name).drop(self._copy(name, head))
        self._cache(name).drop(self._mirror(name, head))

    def remove(self, copy: str) -> None:
        """Remove a copy of a member by its own name."""
        self._members.drop(copy)

    def sizes(self) -> dict[str, int]:
        """Return the bytes that each copy has on disk."""
        return self.member_sizes() | self._grounds.sizes()

    def member_sizes(self) -> dict[str, int]:
        """Return the bytes that each copy of a member has on disk."""
        return self._members.sizes()

    @cached_property
    def _boot(self) -> str:
        return self._given_boot or mirror.boot()

    def _cache(self, name: str) -> FileCache:
        return self._grounds if name == ELEVATION else self._members

    def _copy(self, name: str, head: Head) -> str:
        stem, suffix = name.rsplit(".", 1)
        version = hashlib.sha256(f"{self._bucket.address} {head.etag}".encode()).hexdigest()[:12]
        return f"{stem}.{version}.{suffix}"

    def _mirror(self, name: str, head: Head) -> str:
        return f"{self._copy(name, head).rsplit('.', 1)[0]}.{head.size:x}.{self._boot}{SPARSE}"

    def _drop_mirrors(self, name: str, but: str = "") -> None:
        """Remove mirrors of other versions of object `name`, and of earlier boots."""
        cache, stem = self._cache(name), name.rsplit(".", 1)[0]
        for copy in cache.sizes():
            if copy.startswith(f"{stem}.") and copy.endswith(SPARSE) and copy != but:
                cache.drop(copy)

    def _read(self, name: str, head: Head, ranges: Sequence[Range]) -> Iterator[tuple[int, bytes]]:
        try:
            for first, content in self._ranges.read(name, head, ranges):
                self._metrics.count_range(len(content))
                yield first, content
        except (ChangedError, AbsentError):
            self._forget()
            raise

    def _download(self, name: str, head: Head, stream: BinaryIO) -> None:
        began = time.monotonic()
        try:
            self._bucket.download(name, head, stream)
        except StoreError:
            self._metrics.count_download("failed")
            raise
        self._metrics.count_download("done", head.size)
        seconds = time.monotonic() - began
        logger.info("copied %s from the store: %.1f MB in %.1f s", name, head.size / 1e6, seconds)


def _check(name: str, path: Path) -> None:
    """Raise `BadFileError` unless the copy at `path` is a whole, undamaged file of its kind."""
    if name.endswith(".npz"):
        with path.open("rb") as stream:
            member.parse(stream, name)
            member.verify(stream, name)
