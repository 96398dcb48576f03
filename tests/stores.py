"""Small stores: folders with cycles of uniform winds, and ground that is sea but for one plateau.

A uniform wind has one u and one v everywhere, so where a balloon lands in it has a closed form.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from habsim import member
from habsim.cycle import Cycle
from habsim.files import publish

CYCLE, NEXT = Cycle("2026010100"), Cycle("2026010106")
HOUR = 3600.0  # s
WHICH, ELEVATION = "whichgefs", "worldelev.npy"
SPAN = 96 * HOUR  # s, of a cycle
LEVELS_HPA = np.array([1.0, 10.0, 100.0, 300.0, 700.0, 1000.0])
PLATEAU = 1000.0  # m, the ground from 40 to 60 N and from 60 to 100 E; at all distances over 10 degrees, 0
PLATEAU_LAT, PLATEAU_LON = 50.0, 80.0
EARTH_RADIUS = 6_371_009.0  # m

Wind = tuple[float, float]
STILL: Wind = (0.0, 0.0)


def publish_member(
    folder: Path, cycle: Cycle, number: int, wind: Wind, *, start: float | None = None, span: float = SPAN
) -> Path:
    """Return the path of a member file of uniform wind `wind` (u, v in m/s), made or replaced.

    It lasts for `span` (s) from `start`, by default the cycle's hour.
    """
    data = np.empty((5, 9, LEVELS_HPA.size, 2, 2), np.float16)
    data[...] = wind
    stream = io.BytesIO()
    first = cycle.time if start is None else start
    member.write(stream, data, LEVELS_HPA, first, span, origin="a uniform wind, for tests")
    return replace(folder / cycle.member_file(number), stream.getvalue())


def publish_cycle(
    folder: Path, cycle: Cycle = CYCLE, winds: Sequence[Wind] = (STILL,) * 3, *, span: float = SPAN
) -> Path:
    """Return `folder` with a cycle published in it: a member a wind, elevation, and last `whichgefs`."""
    for number, wind in enumerate(winds):
        publish_member(folder, cycle, number, wind, span=span)
    publish_elevation(folder)
    point_at(folder, str(cycle))
    return folder


def publish_elevation(folder: Path, plateau: float = PLATEAU) -> None:
    """Make the folder's elevation: sea, and the plateau."""
    cells = np.zeros((18, 36), "<i2")
    cells[3:5, 24:28] = plateau
    stream = io.BytesIO()
    np.save(stream, cells)
    replace(folder / ELEVATION, stream.getvalue())


def point_at(folder: Path, text: str) -> None:
    """Make `text` what `whichgefs` says."""
    replace(folder / WHICH, f"{text}\n".encode())


def replace(path: Path, content: bytes) -> Path:
    """Return `path` with `content`, renamed into place: mapped files must not be written over."""
    publish(path, lambda stream: stream.write(content), durable=False)
    return path


def eastward_degrees(u: float, alt: float, burst: float, ascent: float, descent: float) -> float:
    """Return how many degrees a wind of `u` (m/s) carries a balloon along the equator, from `alt`.

    The integral of u / (R + z) over the ascent to `burst` and the descent to the sea.
    """
    up = math.log((EARTH_RADIUS + burst) / (EARTH_RADIUS + alt)) / ascent
    down = math.log((EARTH_RADIUS + burst) / EARTH_RADIUS) / descent
    return math.degrees(u * (up + down))
