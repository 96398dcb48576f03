"""Sparse copies: what has been asked for so far of one version of an object, for all workers of a host.

    2025111312_07.3f9c0a1b2c3d.5e6f7a8b.mirror   named by the object, its version, and the boot of the machine

    bytes 0 to size       the object's, where they lie in it; holes where nobody asked
    from the next page    a byte for each piece of the object, 1 once all its data are there

A piece's byte is written after its data, and everything by `pwrite`: a full disk is an error, where a store
into a mapped hole, or on tmpfs a mere look at it, would be a SIGBUS.  Nothing is synced, so after a crash of
the machine nothing can be trusted: the next boot gives other names, and never looks.  The same data may be
written twice, by two workers that miss them at once; other data never are, because each read names the
version.  A mirror may be unlinked, never truncated.

An object's checksum covers all of it and says nothing about parts: what is damaged on the way and still a
number goes unnoticed here.  Whole copies are checked.
"""

import io
import mmap
import os
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Condition
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from habsim.arrays import Ints

Range = tuple[int, int]  # first byte, and the one after the last
Read = Callable[[Sequence[Range]], Iterator[tuple[int, bytes]]]
Expect = Callable[[Sequence[Range]], object]

_PAGE = mmap.ALLOCATIONGRANULARITY
_GAP = 16 << 10  # bytes between two pieces, up to which one request is better than two
_LONGEST = 1 << 20  # bytes, of a request
_HEAD, _TAIL = 1 << 10, 4 << 10  # bytes at the ends of an object, where its headers are
_USE = 60.0  # s, to which the time of the last use is known


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a mirror is filled by: `count` pieces, each a stretch of every array of the object.

    `arrays` are, for each, the byte it starts at and the bytes that a piece has of it; pieces follow one
    another.
    """

    count: int
    arrays: tuple[tuple[int, int], ...]

    def ranges(self, numbers: Ints) -> list[Range]:
        """Return the bytes of the pieces `numbers` (ascending), small gaps between them included."""
        found = []
        for start, size in self.arrays:
            breaks = np.flatnonzero(np.diff(numbers) * size > size + _GAP) + 1
            for group in np.split(numbers, breaks):
                first, end = start + int(group[0]) * size, start + (int(group[-1]) + 1) * size
                found += [(at, min(at + _LONGEST, end)) for at in range(first, end, _LONGEST)]
        return found


Survey = Callable[[BinaryIO, str, Expect], Pieces]  # of an object by name; raises `BadFileError`


@dataclass(frozen=True, slots=True)
class SparseFile:
    """A mirror on disk: of an object of `size` bytes, which `read` reads by range.

    `growing` makes room for so many bytes more, to be written within its block.
    """

    path: Path
    name: str  # the object's
    size: int
    read: Read
    growing: Callable[[int], AbstractContextManager[object]]

    def object(self) -> BinaryIO:
        """Return the object as far as it was looked at when the mirror was begun, to look at it again."""
        return cast(BinaryIO, Probe(self.size, self._stored))

    def _stored(self, ranges: Sequence[Range]) -> Iterator[tuple[int, bytes]]:
        with self.path.open("rb") as stream:
            for first, end in ranges:
                stream.seek(first)
                yield first, stream.read(end - first)


class Probe(io.RawIOBase):
    """An object as a file that is read where it is looked at: its headers, in two or three small requests."""

    def __init__(self, size: int, read: Read) -> None:
        self._size = size
        self._read = read
        self._at = 0
        self._known: dict[int, bytes] = {}
        self.expect([(0, min(_HEAD, size)), (max(size - _TAIL, 0), size)])

    def expect(self, ranges: Sequence[Range]) -> None:
        """Read what will be looked at, all at once."""
        self._known.update(self._read(ranges))

    def save(self, stream: BinaryIO) -> None:
        """Write all that was read where it belongs into `stream`."""
        for first, content in self._known.items():
            stream.seek(first)
            stream.write(content)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, and return where to."""
        self._at = max(offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence], 0)
        return self._at

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        first = self._at
        end = self._size if size < 0 else min(first + size, self._size)
        if first >= end:
            return b""
        self._at = end
        for start, content in self._known.items():
            if start <= first and end <= start + len(content):
                return content[first - start : end - start]
        self.expect([(first, min(max(end, first + _HEAD), self._size))])
        return self._known[first][: end - first]


def begin(stream: BinaryIO, name: str, size: int, read: Read, survey: Survey) -> None:
    """Write a mirror without pieces into `stream`: headers, and whatever else `survey` looked at."""
    probe = Probe(size, read)
    pieces = survey(cast(BinaryIO, probe), name, probe.expect)
    probe.save(stream)
    stream.seek(_map_offset(size))
    stream.write(bytes(pieces.count))


def share(path: Path, size: int) -> float:
    """Return the share of its pieces that the mirror at `path` of an object of `size` bytes has."""
    with path.open("rb") as stream:
        stream.seek(_map_offset(size))
        pieces = np.frombuffer(stream.read(), np.uint8)
    return np.count_nonzero(pieces) / max(pieces.size, 1)


def boot() -> str:
    """Return what names the present boot of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").replace("-", "")[:8]
    except OSError:
        import psutil

        return f"{int(psutil.boot_time()):08x}"


class Mirror:
    """A mirror that is open and mapped; fills itself as it is told what is missed."""

    def __init__(self, file: SparseFile, pieces: Pieces) -> None:
        self.path = file.path
        self._file = file
        self._pieces = pieces
        self._descriptor = os.open(file.path, os.O_RDWR | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        mapped = mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ)
        mapped.madvise(mmap.MADV_RANDOM)
        self.raw: NDArray[np.uint8] = np.frombuffer(mapped, np.uint8)
        self.present = self.raw[_map_offset(file.size) :]  # by piece
        if self.present.size != pieces.count:
            raise ValueError(f"{self.present.size} pieces where there should be {pieces.count}")
        self._coming: set[int] = set()  # pieces that a thread of this process is reading
        self._arrived = Condition()

    def fetch(self, numbers: Ints) -> None:
        """Return once all pieces `numbers` are here; raises what reading and making room raise."""
        while True:
            with self._arrived:
                absent = numbers[self.present[numbers] == 0]
                if absent.size == 0:
                    return
                mine = set(absent.tolist()) - self._coming
                if not mine:
                    self._arrived.wait()
                    continue
                self._coming |= mine
            try:
                self._fill(np.array(sorted(mine)))
            finally:
                with self._arrived:
                    self._coming -= mine
                    self._arrived.notify_all()

    def gone(self) -> bool:
        """Return whether the mirror was removed, so that another is due; if not, it counts as used now."""
        status = os.fstat(self._descriptor)
        if abs(time.time() - status.st_mtime) > _USE:
            os.utime(self._descriptor)
        return status.st_nlink == 0

    def _fill(self, numbers: Ints) -> None:
        ranges = self._pieces.ranges(numbers)
        groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
        pages = sum((end - first) // _PAGE + 2 for first, end in ranges) + len(groups)  # at most
        with self._file.growing(pages * _PAGE):
            for first, content in self._file.read(ranges):
                self._write(first, content)
            start = _map_offset(self._file.size)
            for group in groups:
                self._write(start + int(group[0]), b"\1" * group.size)

    def _write(self, first: int, content: bytes) -> None:
        view = memoryview(content)
        while view:
            written = os.pwrite(self._descriptor, view, first)
            view, first = view[written:], first + written


def _map_offset(size: int) -> int:
    """Return where the bytes of the pieces start behind an object of `size` bytes."""
    return -(-size // _PAGE) * _PAGE
