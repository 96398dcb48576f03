"""One member's winds, mapped in place.

Nothing is read ahead or converted: the kernel widens half floats where they lie, and the page cache is the
one copy that all workers share.  A mapped file may be unlinked or renamed over, never truncated.
"""

import mmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from habsim import atmosphere, member
from habsim.arrays import Floats
from habsim.errors import BadFileError
from habsim.field import FLOAT_HEIGHTS, INTEGER_HEIGHTS, NO_HEIGHTS, Field


class WindFile:
    """The winds of one member, ready for the kernel; immutable, to be dropped rather than closed.

    `field` holds addresses into the mapping, so it is good only while this object lives.
    """

    def __init__(self, name: str, layout: member.Layout, raw: NDArray[np.uint8]) -> None:
        self.name = name
        self.layout = layout
        self._raw = raw
        self._level_heights = np.sort(atmosphere.height(layout.levels_hpa))
        self.field = _field(layout, raw, self._level_heights)

    @classmethod
    def open(cls, path: Path) -> "WindFile":
        """Return the member file at `path`, mapped; raises `BadFileError` naming the file and the fault."""
        try:
            with path.open("rb") as stream:
                layout = member.parse(stream, path.name)
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise BadFileError(f"wind file {path.name} cannot be read: {error.strerror}") from error
        mapped.madvise(mmap.MADV_RANDOM)
        return cls(path.name, layout, np.frombuffer(mapped, np.uint8))

    @property
    def start(self) -> float:
        """Unix time of the first slice."""
        return self.layout.start

    @property
    def end(self) -> float:
        """Unix time of the last slice."""
        return self.layout.end


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
        interval=layout.interval,
    )
