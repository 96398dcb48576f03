"""Stores: places where cycles are published, a folder or a bucket.

whichgefs             the current cycle, one line; written last, after every member
2025111312_00.npz     one file a member
worldelev.npy         ground elevation
"""

import hashlib
import logging
import re
import shutil
import time
from functools import partial
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Protocol

from habsim import member
from habsim.bucket import Bucket, Head
from habsim.cycle import Cycle
from habsim.errors import ChangedError, NotFoundError, StoreError, UnavailableError
from habsim.filecache import FileCache
from habsim.metrics import Metrics

WHICH = "whichgefs"
ELEVATION = "worldelev.npy"

_LASTING = 300.0  # s, for which a look at an object outside a cycle counts
_ROOM = 30  # members, for which there is room by default
_SHARE = 0.8  # of the volume, at most

logger = logging.getLogger(__name__)


class Store(Protocol):
    """What a reader needs of a place where cycles are published."""

    address: str
    demo: bool
    remote: bool  # a file may take long to come

    def which(self) -> str | None:
        """Return the text of `whichgefs`, or None where there is none."""

    def forget(self) -> None:
        """Look at the store anew from now on."""

    def tag(self, name: str) -> str | None:
        """Return what changes whenever file `name` does, or None where there is no such file."""

    def path(self, name: str) -> Path:
        """Return where file `name` can be mapped from, copied if need be."""

    def drop(self, name: str) -> None:
        """Remove the local copy of file `name`, which is bad."""

    def cached(self) -> dict[str, int]:
        """Return the names and sizes (bytes) of local copies."""

    def shortage(self) -> str | None:
        """Return why there is no room for a cycle's local copies, or None if there is."""

    def outdated(self, cycle: Cycle) -> dict[str, list[str]]:
        """Return the local copies that belong to other cycles, by the cycle's name."""

    def remove(self, copy: str) -> None:
        """Remove a local copy by its own name."""


class FolderStore:
    """A store in a folder, mapped in place."""

    remote = False

    def __init__(self, folder: Path, demo: bool = False) -> None:
        self.folder = folder
        self.address = str(folder)
        self.demo = demo

    def which(self) -> str | None:
        """Return the text of `whichgefs`, or None where there is none."""
        try:
            return (self.folder / WHICH).read_text("ascii", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"the store {self.address} cannot be read: {error.strerror}") from error

    def forget(self) -> None:
        """Do nothing: a folder is looked at every time."""

    def tag(self, name: str) -> str | None:
        """Return size and time of change of file `name`, or None where there is no such file."""
        try:
            status = (self.folder / name).stat()
        except OSError:
            return None
        return f"{status.st_size}-{status.st_mtime_ns}"

    def path(self, name: str) -> Path:
        """Return the path of file `name`."""
        return self.folder / name

    def drop(self, name: str) -> None:
        """Do nothing: what is published is not ours to remove."""

    def cached(self) -> dict[str, int]:
        """Return nothing: files are mapped where they are."""
        return {}

    def shortage(self) -> str | None:
        """Return None: nothing is copied."""

    def outdated(self, cycle: Cycle) -> dict[str, list[str]]:
        """Return nothing: nothing is copied."""
        return {}

    def remove(self, copy: str) -> None:
        """Do nothing: nothing is copied."""


class BucketStore:
    """A store in an S3-compatible bucket; files are copied to `folder` when they are first needed.

    A copy is named by the version of its object, so that no copy is ever out of date.  Copies of members are
    bounded by `capacity` bytes, or by what suits the volume; elevation stays.
    """

    remote = True
    demo = False

    def __init__(
        self, bucket: Bucket, folder: Path, members: int, capacity: int | None, metrics: Metrics
    ) -> None:
        self._metrics = metrics
        self.address = bucket.address
        self._bucket = bucket
        self._members = members
        self._configured = capacity
        self._folder = folder
        self._copies = FileCache(folder, self._capacity)
        self._grounds = FileCache(folder / "elevation", 1 << 50)
        self._heads: dict[str, tuple[float, dict[str, Head]]] = {}  # by cycle, or by name of another object
        self._lock = Lock()

    def which(self) -> str | None:
        """Return the text of `whichgefs`, or None where there is none."""
        content = self._bucket.read(WHICH)
        return None if content is None else content.decode("ascii", "replace")

    def forget(self) -> None:
        """Ask the bucket again for the versions of its objects."""
        with self._lock:
            self._heads.clear()

    def tag(self, name: str) -> str | None:
        """Return size and ETag of object `name`, or None where there is no such object."""
        head = self._head(name)
        return None if head is None else f"{head.size}-{head.etag}"

    def path(self, name: str) -> Path:
        """Return the copy of object `name`; raises `NotFoundError` if the bucket lacks it.

        After a failure the bucket is asked for versions anew: the object may have been mended since.
        """
        try:
            return self._copied(name)
        except ChangedError:
            self.forget()
            return self._copied(name)
        except UnavailableError:
            self.forget()
            raise

    def _copied(self, name: str) -> Path:
        head, tries = self._known(name), 0

        def fill(stream: BinaryIO) -> None:
            nonlocal tries
            tries += 1
            self._download(name, head, stream)

        path = self._cache(name).get(self._copy(name, head), head.size, fill, partial(_check, name))
        self._metrics.count_cache("files", hit=tries == 0)
        return path

    def drop(self, name: str) -> None:
        """Remove the copy of object `name`, which is bad or of no more use."""
        self._cache(name).drop(self._copy(name, self._known(name)))

    def cached(self) -> dict[str, int]:
        """Return the names and sizes (bytes) of the copies."""
        return self._copies.sizes() | self._grounds.sizes()

    def shortage(self) -> str | None:
        """Return why a whole cycle does not fit beside others, or None if it does."""
        need, room = self._members * self._member_size(), self._capacity()
        if need <= room:
            return None
        return (
            f"a cycle of {self._members} members takes {need / 1e6:.0f} MB and the file cache {self._folder} "
            f"has room for {room / 1e6:.0f} MB: raise HABSIM_CACHE_BYTES or enlarge the volume"
        )

    def outdated(self, cycle: Cycle) -> dict[str, list[str]]:
        """Return the copies that belong to other cycles, by the cycle's name."""
        others: dict[str, list[str]] = {}
        for copy in self._copies.sizes():
            if not copy.startswith(f"{cycle}_"):
                others.setdefault(copy[:10], []).append(copy)
        return others

    def remove(self, copy: str) -> None:
        """Remove a copy by its own name."""
        self._copies.drop(copy)

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

    def _capacity(self) -> int:
        """Return the bytes that copies may take: as set, else 30 members within 80 % of the volume."""
        if self._configured is not None:
            return self._configured
        self._folder.mkdir(parents=True, exist_ok=True)
        volume = shutil.disk_usage(self._folder)
        held = self._copies.total()
        room = min(_ROOM * self._member_size(), int(_SHARE * volume.total))
        return min(max(room, self._members * self._member_size()), volume.free + held)

    def _member_size(self) -> int:
        """Return the size of the largest member known."""
        with self._lock:
            heads = [head for prefix, (_, found) in self._heads.items() if prefix.endswith("_")
                     for head in found.values()]  # fmt: skip
        return max((head.size for head in heads), default=0)

    def _cache(self, name: str) -> FileCache:
        return self._grounds if name == ELEVATION else self._copies

    def _copy(self, name: str, head: Head) -> str:
        stem, suffix = name.rsplit(".", 1)
        version = hashlib.sha256(f"{self.address} {head.etag}".encode()).hexdigest()[:12]
        return f"{stem}.{version}.{suffix}"

    def _known(self, name: str) -> Head:
        head = self._head(name)
        if head is None:
            raise NotFoundError(f"{name} is not in the store {self.address}")
        return head

    def _head(self, name: str) -> Head | None:
        """Return the version of object `name`; a cycle's are listed together and looked up once."""
        cycle = re.match(r"[0-9]{10}_", name)
        prefix = cycle.group() if cycle else name
        with self._lock:
            asked, heads = self._heads.get(prefix, (None, {}))
        if asked is None or (cycle is None and time.monotonic() - asked > _LASTING):
            heads = self._bucket.heads(prefix)
            with self._lock:
                self._heads[prefix] = time.monotonic(), heads
        return heads.get(name)


def _check(name: str, path: Path) -> None:
    """Raise `BadFileError` unless the copy at `path` is a whole, undamaged file of its kind."""
    if name.endswith(".npz"):
        with path.open("rb") as stream:
            member.parse(stream, name)
            member.verify(stream, name)
