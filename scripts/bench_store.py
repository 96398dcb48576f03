"""A store of full-size members for measurements: made-up weather, the same in every run.

One smooth and rough field of 13 slices runs forth and back to fill the forecast, and each member is the one
before turned by a degree: no two members blow alike anywhere, and a member takes a second to write.
"""

import os
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from elev import publish_embedded
from habsim import member
from habsim.cycle import Cycle
from habsim.files import publish
from habsim.stores import ELEVATION, WHICH
from tests import winds

CYCLE = Cycle.at(winds.START)
HEIGHTS_STEP = 2.0  # m
_SLICES = 13

_T = TypeVar("_T", bound=np.generic)


def make(folder: Path, members: int, times: int, heights: bool) -> None:
    """Publish a cycle of `members` members with `times` slices in `folder`, where there is none yet."""
    if (folder / WHICH).exists():
        return
    grid = winds.Grid(181, 361, _SLICES)
    steps = np.arange(times) % (2 * _SLICES - 2)
    slices = np.minimum(steps, 2 * _SLICES - 2 - steps)
    data: NDArray[np.float16] = winds.rough(grid)[:, :, :, slices]
    levels = None
    if heights:
        levels = np.rint(winds.heights(grid)[..., slices] / HEIGHTS_STEP).astype(np.int16)
    for number in range(members):
        turned = None if levels is None else _turned(levels, number)
        write = partial(
            member.write,
            data=_turned(data, number),
            levels_hpa=np.array(grid.levels_hpa),
            start=CYCLE.time,
            interval=winds.INTERVAL,
            heights=turned,
            heights_step=HEIGHTS_STEP,
            origin="benchmark: made up",
        )
        publish(folder / CYCLE.member_file(number), write)
    publish_embedded(folder / ELEVATION)
    publish(folder / WHICH, lambda stream: stream.write(f"{CYCLE}\n".encode()))


def _turned(values: NDArray[_T], columns: int) -> NDArray[_T]:
    """Return `values` (lat, lon, ...) turned eastward; the last column stays the first again."""
    turned = np.roll(values[:, :-1], columns, 1)
    return np.concatenate([turned, turned[:, :1]], 1)


def files(folder: Path) -> list[Path]:
    """Return the member files in `folder`, by member."""
    return sorted(folder.glob(f"{CYCLE}_*.npz"))


def forget(folder: Path) -> None:
    """Drop the members from the page cache; nobody may have them mapped."""
    for path in files(folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
