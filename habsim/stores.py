"""Stores: places where cycles are published, a folder or a bucket.

whichgefs             the current cycle, one line; written last, after every member
2025111312_00.npz     one file a member
worldelev.npy         ground elevation
"""

import re
import shutil
import time
from pathlib import Path
from threading import Lock
from typing import Protocol

from habsim.bucket import Bucket, Head
from habsim.copies import ELEVATION, Copies
from habsim.cycle import Cycle
from habsim.errors import ChangedError, NotFoundError, StoreError, UnavailableError
from habsim.metrics import Metrics
from habsim.mirror import SparseFile, Survey

WHICH = "whichgefs"

_LASTING = 300.0  # s, for which a look at an object outside a cycle counts
_ROOM = 30  # members, for which there is room by default
_SHARE = 0.8  # of the volume, at most
_ENSEMBLE = 2 << 20  # bytes of a member that a flight may need

__all__ = ["ELEVATION", "WHICH", "BucketStore", "FolderStore", "Store"]


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

    def file(self, name: str, survey: Survey) -> Path | SparseFile:
        """Return where file `name` can be mapped from: whole, or a mirror of the pieces `survey` finds."""

    def begin(self, name: str, survey: Survey) -> None:
        """Begin the mirror of file `name`, if it is to have one and has none."""

    def whole(self, name: str) -> bool:
        """Return whether all of file `name` is here."""

    def shares(self, cycle: Cycle) -> dict[str, float]:
        """Return how much of each member of `cycle` is here, from 0 to 1, by name."""

    def complete(self, cycle: Cycle) -> bool:
        """Copy the next member of `cycle` that is to be here whole; return whether there was one."""

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

    def file(self, name: str, survey: Survey) -> Path:
        """Return the path of file `name`."""
        return self.folder / name

    def begin(self, name: str, survey: Survey) -> None:
        """Do nothing: nothing is copied."""

    def whole(self, name: str) -> bool:
        """Return True: a folder's files are."""
        return True

    def shares(self, cycle: Cycle) -> dict[str, float]:
        """Return nothing: nothing is copied."""
        return {}

    def complete(self, cycle: Cycle) -> bool:
        """Return False: nothing is copied."""
        return False

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
    """A store in an S3-compatible bucket, copied to `folder` as far as it is needed.

    Copies of members are bounded by `capacity` bytes, or by what suits the volume.  With `whole_files`,
    members are in the end copied whole; until then, and without, by ranges as flights need them.
    """

    remote = True
    demo = False

    def __init__(
        self,
        bucket: Bucket,
        folder: Path,
        members: int,
        capacity: int | None,
        metrics: Metrics,
        whole_files: bool = False,
        boot: str | None = None,
    ) -> None:
        self.address = bucket.address
        self._bucket = bucket
        self._members = members
        self._configured = capacity
        self._folder = folder
        self._whole_files = whole_files
        self._copies = Copies(bucket, folder, self._capacity, metrics, self.forget, boot)
        self._heads: dict[str, tuple[float, dict[str, Head]]] = {}  # by cycle, or by name of another object
        self._member_size = 0  # bytes, of the largest member last seen; it outlasts `forget`
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

    def file(self, name: str, survey: Survey) -> Path | SparseFile:
        """Return the copy of object `name`; raises `NotFoundError` if the bucket lacks it.

        After a failure the bucket is asked for versions anew: the object may have been mended since.
        """
        try:
            return self._copies.file(name, self._known(name), survey)
        except ChangedError:
            self.forget()
            return self._copies.file(name, self._known(name), survey)
        except UnavailableError:
            self.forget()
            raise

    def begin(self, name: str, survey: Survey) -> None:
        """Begin the mirror of object `name`, unless it is here whole or will be copied whole."""
        head = self._known(name)
        if not self._copies.small(head) and not self._copies.whole(name, head):
            self._copies.file(name, head, survey)

    def whole(self, name: str) -> bool:
        """Return whether all of object `name` is here."""
        head = self._head(name)
        return head is not None and self._copies.whole(name, head)

    def shares(self, cycle: Cycle) -> dict[str, float]:
        """Return how much of each member of `cycle` is here, from 0 to 1, by name."""
        heads = {name: self._head(name) for name in map(cycle.member_file, range(self._members))}
        return {name: self._copies.share(name, head) for name, head in heads.items() if head is not None}

    def complete(self, cycle: Cycle) -> bool:
        """Copy the next member of `cycle` that is to be here whole; return whether there was one."""
        for name in map(cycle.member_file, range(self._members if self._whole_files else 0)):
            if not self.whole(name):
                self.copied(name)
                return True
        return False

    def copied(self, name: str) -> Path:
        """Return the whole copy of object `name`, made if need be."""
        return self._copies.copied(name, self._known(name))

    def drop(self, name: str) -> None:
        """Remove the copy of object `name`, which is bad or of no more use."""
        self._copies.drop(name, self._known(name))

    def cached(self) -> dict[str, int]:
        """Return the names of the copies and what each has on disk (bytes)."""
        return self._copies.sizes()

    def shortage(self) -> str | None:
        """Return why what a cycle needs does not fit, or None if it does."""
        need, room = self._need(), self._capacity()
        if need <= room:
            return None
        return (
            f"a cycle of {self._members} members takes {need / 1e6:.0f} MB and the file cache {self._folder} "
            f"has room for {room / 1e6:.0f} MB: raise HABSIM_CACHE_BYTES or enlarge the volume"
        )

    def outdated(self, cycle: Cycle) -> dict[str, list[str]]:
        """Return the copies that belong to other cycles, by the cycle's name."""
        others: dict[str, list[str]] = {}
        for copy in self._copies.member_sizes():
            if not copy.startswith(f"{cycle}_"):
                others.setdefault(copy[:10], []).append(copy)
        return others

    def remove(self, copy: str) -> None:
        """Remove a copy by its own name."""
        self._copies.remove(copy)

    def _capacity(self) -> int:
        """Return the bytes that copies may take: as set, else 30 members within 80 % of the volume."""
        if self._configured is not None:
            return self._configured
        self._folder.mkdir(parents=True, exist_ok=True)
        volume = shutil.disk_usage(self._folder)
        held = sum(self._copies.member_sizes().values())
        room = min(_ROOM * self._member_size, int(_SHARE * volume.total))
        return min(max(room, self._need()), volume.free + held)

    def _need(self) -> int:
        """Return the bytes with which a cycle can be flown: its members whole, or what a flight needs."""
        size = self._member_size
        return self._members * (size if self._whole_files else min(size, _ENSEMBLE))

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
                if cycle and heads:
                    self._member_size = max(head.size for head in heads.values())
        return heads.get(name)
