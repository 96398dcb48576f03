"""One member's winds, mapped in place.

Nothing is read ahead or converted: the kernel widens half floats where they lie, and the page cache is the
one copy that all workers share.  A mapped file may be unlinked or renamed over, never truncated.

From a bucket, only the columns that somebody asked for are here, in a mirror, each with its heights.
"""

import mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from habsim import atmosphere, member
from habsim.arrays import Floats
from habsim.earth import geometric
from habsim.errors import BadFileError
from habsim.field import FLOAT_HEIGHTS, INTEGER_HEIGHTS, NO_HEIGHTS, Field
from habsim.mirror import Expect, Mirror, Pieces, SparseFile
from habsim.trajectory import outside


class WindFile:
    """The winds of one member, ready for the kernel; immutable, to be dropped rather than closed.

    `field` holds addresses into the mapping, so it is good only while this object lives.
    """

    def __init__(
        self, name: str, layout: member.Layout, raw: NDArray[np.uint8], partly: Mirror | None = None
    ) -> None:
        self.name = name
        self.layout = layout
        self.partly = partly  # where columns may be missing
        self._raw = raw
        self._level_heights = _level_heights(name, layout)
        present = 0 if partly is None else partly.present.ctypes.data
        self.field = _field(layout, raw, self._level_heights)._replace(present=present)

    @classmethod
    def open(cls, file: Path | SparseFile) -> "WindFile":
        """Return the member `file`, mapped; raises `BadFileError` naming the file and the fault."""
        path, name = (file, file.name) if isinstance(file, Path) else (file.path, file.name)
        try:
            with path.open("rb") if isinstance(file, Path) else file.object() as stream:
                layout = member.parse(stream, name)
                if isinstance(file, Path):
                    mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            mirror = None if isinstance(file, Path) else Mirror(file, _pieces(layout))
        except OSError as error:
            raise BadFileError(f"wind file {name} cannot be read: {error.strerror}") from error
        if mirror is None:
            mapped.madvise(mmap.MADV_RANDOM)
            raw = np.frombuffer(mapped, np.uint8)
            _check_seam(name, *(raw[first:end].view(member.WIND) for first, end in _seam(layout)))
        else:
            raw = mirror.raw
        return cls(name, layout, raw, mirror)

    def column(self, lat: float, lon: float, time: float) -> Floats:
        """Return the winds over a place, (level, 3): altitude (m), u and v (m/s), from the lowest level up.

        Raises `OutsideForecastError` for a time that the file does not cover, and `BadFileError` where a wind
        or height is not finite.
        """
        if not self.start <= time <= self.end:
            raise outside(self)
        layout = self.layout
        rows, columns, _, times = layout.shape
        row, y = _split((90.0 - lat) * (rows - 1) / 180.0, rows)
        column, x = _split(lon % 360.0 * (columns - 1) / 360.0, columns)
        slot, s = _split((time - self.start) / layout.interval, times)
        near = np.ix_(
            [row, row + 1], [column, column + 1], range(layout.shape[2]), [slot, min(slot + 1, times - 1)]
        )
        if self.partly is not None:
            corner = row * columns + column
            self.partly.fetch(np.array([corner, corner + 1, corner + columns, corner + columns + 1]))
        weights = np.einsum("i,j,k->ijk", [1.0 - y, y], [1.0 - x, x], [1.0 - s, s])
        heights = atmosphere.height(layout.levels_hpa)
        if layout.heights_offset is not None:
            stored = self._array(layout.heights_offset, layout.heights_type, layout.shape)[near].astype(float)
            heights = np.einsum("ijk,ijlk->l", weights, stored) * layout.heights_step
        winds = self._array(layout.data_offset, member.WIND, (*layout.shape, 2))[near].astype(float)
        result = np.column_stack([geometric(heights), np.einsum("ijk,ijlkc->lc", weights, winds)])
        if not np.all(np.isfinite(result)):
            raise BadFileError(
                f"wind file {self.name} holds a wind or height that is not finite near {lat}, {lon}"
            )
        return np.asarray(result[np.argsort(result[:, 0])])

    def _array(self, offset: int, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        return np.ndarray(shape, dtype, self._raw.data, offset)

    @property
    def start(self) -> float:
        """Unix time of the first slice."""
        return self.layout.start

    @property
    def end(self) -> float:
        """Unix time of the last slice."""
        return self.layout.end


def survey(stream: BinaryIO, name: str, expect: Expect) -> Pieces:
    """Return the pieces of the member object in `stream`: its columns; raises `BadFileError`.

    A mirror is begun only of an object that passes what an opened file must.
    """
    layout = member.parse(stream, name)
    _level_heights(name, layout)
    expect(_seam(layout))
    columns = []
    for first, end in _seam(layout):
        stream.seek(first)
        columns.append(np.frombuffer(stream.read(end - first), member.WIND))
    _check_seam(name, *columns)
    return _pieces(layout)


def _pieces(layout: member.Layout) -> Pieces:
    rows, columns, levels, times = layout.shape
    arrays = [(layout.data_offset, 4 * levels * times)]
    if layout.heights_offset is not None and layout.heights_type is not None:
        arrays.append((layout.heights_offset, layout.heights_type.itemsize * levels * times))
    return Pieces(rows * columns, tuple(arrays))


def _level_heights(name: str, layout: member.Layout) -> Floats:
    """Return the standard atmosphere's heights (m) of the levels, ascending."""
    try:
        return np.sort(atmosphere.height(layout.levels_hpa))
    except ValueError as error:
        raise BadFileError(f"wind file {name} has levels without a height: {error}") from error


def _seam(layout: member.Layout) -> list[tuple[int, int]]:
    """Return the bytes of the first and the last column of a row in the middle."""
    rows, columns, levels, times = layout.shape
    size = 4 * levels * times
    west = layout.data_offset + rows // 2 * columns * size
    east = west + (columns - 1) * size
    return [(west, west + size), (east, east + size)]


def _check_seam(name: str, first: NDArray[np.float16], last: NDArray[np.float16]) -> None:
    """Raise `BadFileError` if longitude 360 does not repeat longitude 0, looked at in one row.

    Such a grid has another spacing than its shape says, and its winds would be misplaced everywhere.
    """
    if np.any((first != last) & np.isfinite(first) & np.isfinite(last)):
        raise BadFileError(
            f"wind file {name}: the last of its columns (360 degrees) does not repeat the first (0)"
        )


def _split(position: float, count: int) -> tuple[int, float]:
    """Return the lower of the two indices around `position` on an axis of `count`, and the fraction above."""
    index = min(int(position), max(count - 2, 0))
    return index, position - index


def _field(layout: member.Layout, raw: NDArray[np.uint8], level_heights: Floats) -> Field:
    rows, columns, levels, times = layout.shape
    kind = NO_HEIGHTS
    if layout.heights_type is not None:
        kind = INTEGER_HEIGHTS if layout.heights_type.kind == "i" else FLOAT_HEIGHTS
    base = raw.ctypes.data
    return Field(
        data=base + layout.data_offset,
        heights=base + (layout.heights_offset or 0),
        level_heights=level_heights.ctypes.data,
        heights_kind=kind,
        heights_step=layout.heights_step,
        downward=bool(layout.levels_hpa[0] < layout.levels_hpa[-1]),
        rows=rows,
        columns=columns,
        levels=levels,
        times=times,
        rows_per_degree=(rows - 1) / 180.0,
        columns_per_degree=(columns - 1) / 360.0,
        slots_per_second=1.0 / layout.interval,
    )
