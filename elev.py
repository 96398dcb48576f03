"""The ground as a file: `worldelev.npy`, mapped read-only and shared by every worker through the page cache.

From a bucket, only the rows that somebody asked for are here, in a mirror.

The file is an int16 array (row, col) in metres, laid out as `habsim.ground` says.  A text file of the same
name beside it (`worldelev.txt`), where there is one, tells users where the numbers come from.
"""

import lzma
import math
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, NDArray

from habsim import ground, window
from habsim.arrays import Floats
from habsim.earth import RADIUS
from habsim.errors import BadFileError
from habsim.files import publish
from habsim.mirror import Expect, Mirror, Pieces, SparseFile
from habsim.touchdown import Terrain

CELL = np.dtype("<i2")
EMBEDDED = Path(__file__).parent / "habsim" / "embedded" / "worldelev.npy.xz"
EMBEDDED_SOURCE = "pvlib 1/12 degree altitude (BSD-3), ETOPO5 (public domain)"


@dataclass(frozen=True, slots=True, eq=False)
class Elevation:
    """The ground of the whole globe; `source` says whose numbers they are."""

    cells: NDArray[np.int16]  # (row, col), read-only, C order
    source: str
    partly: Mirror | None = None  # where rows may be missing
    terrain: Terrain = field(init=False)  # as the kernel takes it; good only while this object lives

    def __post_init__(self) -> None:
        rows, columns = self.cells.shape
        present = 0 if self.partly is None else self.partly.present.ctypes.data
        object.__setattr__(self, "terrain", Terrain(self.cells.ctypes.data, rows, columns, present))

    @classmethod
    def open(cls, file: Path | SparseFile) -> "Elevation":
        """Return the elevation mapped from `file`.

        Raises `BadFileError` naming the file and the fault if it is missing, truncated, or not a global grid
        of int16 in C order.
        """
        path = file if isinstance(file, Path) else file.path
        try:
            size = path.stat().st_size if isinstance(file, Path) else file.size
            with path.open("rb") if isinstance(file, Path) else file.object() as stream:
                shape, offset = _layout(stream, str(path), size)
            if isinstance(file, Path):
                return cls(np.asarray(np.memmap(path, CELL, "r", offset, shape)), _source(path, shape))
            mirror = Mirror(file, _pieces(shape, offset))
            cells = np.ndarray(shape, CELL, mirror.raw.data, offset)
            return cls(cells, f"{file.name}, {shape[0]} x {shape[1]} cells", mirror)
        except FileNotFoundError as error:
            advice = "put one there, or make it with scripts/build_elevation.py"
            raise BadFileError(f"elevation file {path} is missing: {advice}") from error
        except OSError as error:
            raise BadFileError(f"elevation file {path} cannot be read: {error.strerror or error}") from error
        except (ValueError, OverflowError) as error:
            raise BadFileError(f"elevation file {path} is damaged or truncated: {error}") from error

    @property
    def resolution_m(self) -> float:
        """North-south size of a cell."""
        return RADIUS * (math.tau / float(self.cells.shape[1]))

    def at(self, lat: ArrayLike, lon: ArrayLike) -> Floats:
        """Return the ground (m, never below 0) at `lat`, `lon` (degrees); their broadcast shape."""
        if self.partly is not None:
            rows = ground.rows_under(self.cells.shape, lat)
            if not self.partly.present[rows].all():
                marked = np.zeros(self.cells.shape[0], np.uint8)
                marked[rows] = 1
                self.partly.fetch(window.ground_rows(marked, self.cells.strides[0]))
        return ground.height(self.cells, lat, lon)


def survey(stream: BinaryIO, name: str, expect: Expect) -> Pieces:
    """Return the pieces of the elevation object in `stream`: its rows; raises `BadFileError`."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    try:
        return _pieces(*_layout(stream, name, size))
    except (ValueError, OverflowError) as error:
        raise BadFileError(f"elevation file {name} is damaged or truncated: {error}") from error


def publish_embedded(target: Path) -> None:
    """Make `target` (18.7 MB) the elevation that comes with HABSIM, and first the text beside it."""
    publish(target.with_suffix(".txt"), lambda stream: stream.write(f"{EMBEDDED_SOURCE}\n".encode()))
    with lzma.open(EMBEDDED) as plain:
        publish(target, lambda stream: shutil.copyfileobj(plain, stream))


def _pieces(shape: tuple[int, int], offset: int) -> Pieces:
    return Pieces(shape[0], ((offset, CELL.itemsize * shape[1]),))


def _layout(stream: BinaryIO, path: str, size: int) -> tuple[tuple[int, int], int]:
    """Return the shape of the array in a file of `size` bytes and where it starts, both checked."""
    shape, fortran, dtype = _read_header(stream)
    offset = stream.tell()
    if dtype != CELL or fortran:
        found = f"{dtype.str!r} in {'Fortran' if fortran else 'C'} order"
        raise BadFileError(f"elevation file {path} must be int16, '<i2' in C order, not {found}")
    if len(shape) != 2:
        raise BadFileError(f"elevation file {path} must be (rows, cols), not {shape}")
    rows, cols = shape
    if rows < 2 or cols < 2 or 2 * rows > cols:
        raise BadFileError(
            f"elevation file {path} is {rows} x {cols}: with {cols} square cells round the globe "
            f"there are 2 to {cols // 2} rows"
        )
    if offset % CELL.itemsize:
        raise BadFileError(f"elevation file {path} is not aligned: its array starts at byte {offset}")
    if size < offset + rows * cols * CELL.itemsize:
        raise BadFileError(f"elevation file {path} is truncated: {size} bytes for {rows} x {cols} cells")
    return (rows, cols), offset


def _read_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    return npy.read_array_header_2_0(stream)


def _source(path: Path, shape: tuple[int, int]) -> str:
    """Return the first line of the text beside `path`, else the file's name and size."""
    text = path.with_suffix(".txt")
    lines = text.read_text("utf-8", "replace").splitlines() if text.is_file() else []
    return lines[0].strip() if lines and lines[0].strip() else f"{path.name}, {shape[0]} x {shape[1]} cells"
