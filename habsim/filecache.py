"""A bounded folder of immutable files, each made once for all threads and processes of the host.

    2025111312_07.npz                    a whole file; its time of change is that of its last use, to a minute
    2025111312_07.mirror                 a sparse file, which its users fill; only what it has on disk counts
    .2025111312_07.npz.k3q8x0ad.partial  one being made, as long as it will be
    .locks/a3f.fill, .locks/a3f.use      claims on the files whose name has the digest a3f...
    .locks/slot-0 ... slot-15            claims of those who are making one
    .locks/room                          claim of who is making room

Whoever holds the claim to fill a name is the only one who may have a partial file of it; any other is the
remains of a process that died, and goes.
"""

import errno
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from habsim.errors import BadFileError, UnavailableError
from habsim.files import PARTIAL, claim, publish

_FILLS = 16  # at once, on a host
_POLL = 0.05  # s, between looks for a free slot
_USE = 60.0  # s, to which the time of the last use is known
_BLOCK = 512  # bytes, in which stat(2) counts what a file has on disk
SPARSE = ".mirror"  # suffix
_BEGUN = 128 << 10  # bytes, more than a sparse file has on disk at first
_FULL = (errno.ENOSPC, errno.EDQUOT)

logger = logging.getLogger(__name__)

Fill = Callable[[BinaryIO], object]
Check = Callable[[Path], object]


class FileCache:
    """Immutable files by name in `folder`, of at most `capacity` bytes together.

    Files in `keep` are never removed for want of room.  A file found bad is made anew, up to `tries` times
    in all, after `pause` (s) and then twice as long each time.
    """

    def __init__(
        self,
        folder: Path,
        capacity: Callable[[], int] | int,
        keep: Collection[str] = (),
        tries: int = 5,
        pause: float = 0.5,
    ) -> None:
        self.folder = folder
        self._capacity = capacity
        self._keep = frozenset(keep)
        self._tries = tries
        self._pause = pause

    def get(self, name: str, size: int, fill: Fill, check: Check) -> Path:
        """Return the path of file `name` of `size` bytes, made if need be: by one caller, while others wait.

        `fill` writes it into a stream; `check` is shown it before anyone else, and raises `BadFileError` if
        it is bad.  The path may be gone when it is opened, unless `use` holds it.  Raises
        `UnavailableError` if there is no room or the folder cannot be written, and what `fill` raises,
        whose `OSError` counts as the folder's.
        """
        path = self._path(name)
        with self._translated(name, size):
            if self._used(path, size):
                return path
            with claim(self._lock(name, "fill"), wait=True):
                if not self._used(path, size):
                    with self._slot():
                        self._make(path, size, fill, check)
        return path

    def begun(self, name: str, begin: Fill) -> Path:
        """Return the path of the sparse file `name`, which `begin` makes, without data, where there is none.

        It is not synced.  Raises as `get` does.
        """
        path = self._path(name)
        with self._translated(name):
            if not path.exists():
                with claim(self._lock(name, "fill"), wait=True):
                    if not path.exists():
                        self._sweep(name)
                        with self.growing(name, _BEGUN):
                            publish(path, begin, durable=False)
        return path

    @contextmanager
    def growing(self, name: str, size: int) -> Iterator[None]:
        """Make room for `size` bytes more of the sparse file `name`, to be written within the block.

        Raises `UnavailableError` if there is none, as for an `OSError` within the block.
        """
        with self._translated(name, size):
            with claim(self.folder / ".locks" / "room", wait=True):
                self._make_room(name, size)
            yield

    def has(self, name: str) -> bool:
        """Return whether file `name` is there."""
        return self._path(name).exists()

    @contextmanager
    def use(self, name: str) -> Iterator[None]:
        """Keep file `name`, now or soon there, from being removed for want of room."""
        self._path(name)
        with ExitStack() as held:
            with self._translated(name):
                held.enter_context(claim(self._lock(name, "use"), wait=True, shared=True))
            yield

    def drop(self, name: str) -> None:
        """Remove a file, which the next `get` makes anew; who has it open or mapped keeps what it has."""
        path = self._path(name)
        with self._translated(name), claim(self._lock(name, "fill"), wait=True):
            path.unlink(missing_ok=True)

    def sizes(self) -> dict[str, int]:
        """Return the bytes that each file but partial ones has on disk."""
        return {path.name: _held(path, status) for path, status in self._files() if not _hidden(path)}

    def total(self) -> int:
        """Return the bytes that all files but partial ones have on disk."""
        return sum(self.sizes().values())

    def _path(self, name: str) -> Path:
        """Return where a file is; raises `ValueError` for a name that is none."""
        if not name or name != Path(name).name or name.startswith("."):
            raise ValueError(f"{name!r} cannot name a file of a cache")
        return self.folder / name

    def _lock(self, name: str, purpose: str) -> Path:
        digest = hashlib.sha256(name.encode()).hexdigest()
        return self.folder / ".locks" / f"{digest[:3]}.{purpose}"

    def _used(self, path: Path, size: int) -> bool:
        """Return whether a file is there and has `size` bytes; if so it counts as used now."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return False
        if status.st_size != size:
            return False
        if abs(time.time() - status.st_mtime) > _USE:
            # Nothing is lost where it fails: the file is gone again, or the folder may only be read.
            with suppress(OSError):
                os.utime(path)
        return True

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """Hold one of the slots of those who make a file; wait for it."""
        while True:
            for slot in range(_FILLS):
                with claim(self.folder / ".locks" / f"slot-{slot}") as held:
                    if held:
                        yield
                        return
            time.sleep(_POLL)

    def _make(self, path: Path, size: int, fill: Fill, check: Check) -> None:
        """Make a file, whose claim to fill is held."""
        self._sweep(path.name)

        def write(stream: BinaryIO) -> None:
            with claim(self.folder / ".locks" / "room", wait=True):
                self._make_room(path.name, size)
                os.ftruncate(stream.fileno(), size)  # for whoever makes room next: so long it will be
            fill(stream)
            if stream.tell() != size:
                raise BadFileError(f"{path.name} has {stream.tell()} bytes, not the {size} promised")

        for attempt in range(1, self._tries + 1):
            try:
                publish(path, write, check=check)
            except BadFileError as error:
                if attempt == self._tries:
                    raise
                logger.warning("%s: retry %d of %d", error, attempt + 1, self._tries)
                time.sleep(self._pause * 2 ** (attempt - 1))
            else:
                return

    def _make_room(self, name: str, size: int) -> None:
        """Remove files, the longest unused first, until `size` bytes more are within capacity."""
        capacity = self._capacity if isinstance(self._capacity, int) else self._capacity()
        found = sorted(self._files(), key=lambda file: file[1].st_mtime_ns)
        total = size + sum(_held(path, status) for path, status in found)
        for path, status in found:
            if total <= capacity or size > capacity:
                break
            kept = _hidden(path) or path.name == name or path.name in self._keep
            if not kept and self._remove(path):
                total -= _held(path, status)
        if total > capacity:
            raise UnavailableError(
                f"{name} ({_megabytes(size)}) does not fit into the file cache {self.folder}, which has "
                f"{_megabytes(capacity)}, beside the files in use: raise HABSIM_CACHE_BYTES"
            )
        if shutil.disk_usage(self.folder).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _remove(self, path: Path) -> bool:
        """Remove a file unless it is in use; return whether it is gone."""
        with claim(self._lock(path.name, "use")) as unused:
            if unused:
                path.unlink(missing_ok=True)
            return unused

    def _sweep(self, own: str) -> None:
        """Remove the partial files of processes that died; the claim to fill `own` is held."""
        for partial in self.folder.glob(f".*{PARTIAL}"):
            name = partial.name[1:].rsplit(".", 2)[0]
            if name == own:
                partial.unlink(missing_ok=True)
                continue
            with claim(self._lock(name, "fill")) as held:
                if held:
                    partial.unlink(missing_ok=True)

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        """Return the whole and the partial files, with their states."""
        files = []
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        files.append((Path(entry.path), entry.stat(follow_symlinks=False)))
        return files

    @contextmanager
    def _translated(self, name: str, size: int = 0) -> Iterator[None]:
        """Raise what the file system says about a file as an `UnavailableError` that tells what to mend."""
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                text = f"the file cache {self.folder} cannot be used: {error.strerror or error}"
                raise UnavailableError(text) from error
            free = shutil.disk_usage(self.folder).free
            raise UnavailableError(
                f"the disk of the file cache {self.folder} is full: {name} needs {_megabytes(size)}, "
                f"{_megabytes(free)} are free"
            ) from error


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _held(path: Path, status: os.stat_result) -> int:
    """Return the bytes that a file has on disk; a whole one in the making has those it will have."""
    if _hidden(path) and SPARSE not in path.suffixes:
        return status.st_size
    return min(status.st_size, _BLOCK * status.st_blocks)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
