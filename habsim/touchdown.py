"""Where a step first meets the ground.

Ground is bilinear between cell centres, so along a straight line over one patch the gap is a parabola: its
vertex is where a ridge may be grazed, and nothing between two looks can be missed.
"""

import math
from typing import NamedTuple

from habsim.memory import compiled, raise_flag, read_flag, read_int16
from habsim.step import Span, along, altitude

HIGHEST = 9000.0  # m, above which no ground is looked for
NOWHERE = 2.0  # the s of a step that stays in the air

_FINEST = 1e-7  # m, to which the ground is met
_MANY = 64.0  # cells, up to which all around a step are looked at first
_STRIDE = 60.0  # s, pieces in which the ground is searched: short against the curvature of a path


class Terrain(NamedTuple):
    """Ground heights: cells from 180 W eastward, rows from the north down to 90 S."""

    cells: int  # address of int16 (row, column), m
    rows: int
    columns: int
    present: int = 0  # address of a byte a row, 1 where it is here; 0 where all are
    wanted: int = 0  # address of a byte a row, set where one was missed, and one more, set if any was


@compiled
def _index(terrain: Terrain, lat: float, lon: float) -> tuple[float, float]:
    """Return (row, column), counted from the centre of cell (0, 0); the column is not wrapped."""
    density = terrain.columns / 360.0  # cells a degree
    return terrain.rows - 0.5 - (lat + 90.0) * density, (lon + 180.0) * density - 0.5


@compiled
def _cell(terrain: Terrain, row: int, column: int) -> int:
    """Return the height (m) of one cell; `row` is clamped, `column` at most once round the globe off."""
    row = min(max(row, 0), terrain.rows - 1)
    if column >= terrain.columns:
        column -= terrain.columns
    elif column < 0:
        column += terrain.columns
    return int(read_int16(terrain.cells + 2 * (row * terrain.columns + column)))


@compiled
def _are_here(terrain: Terrain, first: int, last: int) -> bool:
    """Return whether the rows `first` to `last` are here; those missing are marked, and must not be read."""
    if terrain.present == 0:
        return True
    whole = True
    for row in range(min(max(first, 0), terrain.rows - 1), min(max(last, 0), terrain.rows - 1) + 1):
        if read_flag(terrain.present + row) == 0:
            raise_flag(terrain.wanted + row)
            raise_flag(terrain.wanted + terrain.rows)
            whole = False
    return whole


@compiled
def was_missed(terrain: Terrain) -> bool:
    """Return whether ground that is not here was looked at."""
    return terrain.present != 0 and read_flag(terrain.wanted + terrain.rows) != 0


@compiled
def ground(terrain: Terrain, lat: float, lon: float) -> float:
    """Return the bilinear ground (m), not clamped at the sea."""
    y, x = _index(terrain, lat, lon)
    y = min(max(y, 0.0), terrain.rows - 1.0)
    row, column = math.floor(y), math.floor(x)
    y -= row
    x -= column
    column %= terrain.columns
    if not _are_here(terrain, row, row + 1):
        return 0.0
    north = (1.0 - x) * _cell(terrain, row, column) + x * _cell(terrain, row, column + 1)
    south = (1.0 - x) * _cell(terrain, row + 1, column) + x * _cell(terrain, row + 1, column + 1)
    return (1.0 - y) * north + y * south


@compiled
def _highest(terrain: Terrain, y0: float, x0: float, y1: float, x1: float) -> int:
    """Return the highest cell (m) that the ground between two indices can depend on."""
    highest = -32768
    west = math.floor(min(x0, x1))
    width = math.floor(max(x0, x1)) + 2 - west
    west %= terrain.columns
    first, last = math.floor(min(y0, y1)), math.floor(max(y0, y1)) + 1
    if not _are_here(terrain, first, last):
        return highest
    for row in range(first, last + 1):
        for column in range(west, west + width):
            highest = max(highest, _cell(terrain, row, column))
    return highest


@compiled
def _gap(terrain: Terrain, span: Span, path: int, polar: bool, near: float, s: float) -> float:
    """Return the height (m) above the ground at `s`."""
    lat, lon = along(path, polar, s, near)
    return altitude(span, s) - ground(terrain, lat, lon)


@compiled
def _first_touch(
    terrain: Terrain, span: Span, path: int, polar: bool, near: float, low: float, high: float
) -> float:
    """Return the first s in (`low`, `high`] on the ground, all over one patch; NOWHERE if there is none."""
    middle = 0.5 * (low + high)
    first = _gap(terrain, span, path, polar, near, low)
    half = _gap(terrain, span, path, polar, near, middle)
    last = _gap(terrain, span, path, polar, near, high)
    bend = first - 2.0 * half + last
    vertex = middle
    if bend > 0.0:
        vertex = min(max(middle + 0.25 * (high - low) * (first - last) / bend, low), high)
    above, below = low, NOWHERE
    for s in (min(middle, vertex), max(middle, vertex), high):
        if below == NOWHERE:
            if _gap(terrain, span, path, polar, near, s) <= 0.0:
                below = s
            else:
                above = s
    if below == NOWHERE:
        return NOWHERE
    return _root(terrain, span, path, polar, near, above, below)


@compiled
def _root(
    terrain: Terrain, span: Span, path: int, polar: bool, near: float, above: float, below: float
) -> float:
    """Return the s between `above` and `below` the ground at which the path meets it.

    Regula falsi with the Illinois rule: an end that stays twice counts half.
    """
    high = _gap(terrain, span, path, polar, near, above)
    low = _gap(terrain, span, path, polar, near, below)
    s, kept = below, 0
    for _ in range(60):
        if high - low < _FINEST or below - above < 1e-12:
            break
        s = above + (below - above) * high / (high - low)
        gap = _gap(terrain, span, path, polar, near, s)
        if abs(gap) < _FINEST:
            break
        if gap < 0.0:
            below, low = s, gap
            high *= 0.5 if kept < 0 else 1.0
            kept = -1
        else:
            above, high = s, gap
            low *= 0.5 if kept > 0 else 1.0
            kept = 1
    return s


@compiled
def _line(
    terrain: Terrain, path: int, polar: bool, near: float, axis: int, low: float, high: float, start: float,
    end: float,
) -> float:  # fmt: skip
    """Return the s at which an index, the row (0) or the column (1), crosses a line between patches.

    The index is `start` at `low` and `end` at `high`; `high` if it crosses none.  Regula falsi on the path:
    a crest lies on the line, and is missed by the slope times the error.
    """
    line = max(math.floor(start), math.floor(end))
    if math.floor(start) == math.floor(end):
        return high
    s = high
    before, after = start - line, end - line
    for _ in range(6):
        s = low - before * (high - low) / (after - before)
        lat, lon = along(path, polar, s, near)
        value = _index(terrain, lat, lon)[axis] - line
        if value == 0.0:
            break
        if value * before > 0.0:
            low, before = s, value
        else:
            high, after = s, value
    return s


@compiled
def touchdown(terrain: Terrain, span: Span, path: int, polar: bool, near: float) -> float:
    """Return the s at which the step first meets the ground, or NOWHERE.

    The step is searched in pieces that cross at most one line between patches each way; where a piece may
    touch, it is split there.
    """
    lat, lon = along(path, polar, 0.0, near)
    y0, x0 = _index(terrain, lat, lon)
    lat, lon = along(path, polar, 1.0, near)
    y1, x1 = _index(terrain, lat, lon)
    if (abs(y1 - y0) + 4.0) * (abs(x1 - x0) + 4.0) < _MANY:
        around = _highest(
            terrain, min(y0, y1) - 1.0, min(x0, x1) - 1.0, max(y0, y1) + 1.0, max(x0, x1) + 1.0
        )  # fmt: skip
        if span.alts[2] > around:
            return NOWHERE
    pieces = int(max(abs(y1 - y0), abs(x1 - x0), (span.times[2] - span.times[0]) / _STRIDE)) + 1
    for piece in range(pieces):
        low, high = piece / pieces, (piece + 1) / pieces
        lat, lon = along(path, polar, high, near)
        y1, x1 = _index(terrain, lat, lon)
        if altitude(span, high) <= _highest(terrain, y0, x0, y1, x1):
            row = _line(terrain, path, polar, near, 0, low, high, y0, y1)
            column = _line(terrain, path, polar, near, 1, low, high, x0, x1)
            begin = low
            for end in (min(row, column), max(row, column), high):
                if end > begin:
                    s = _first_touch(terrain, span, path, polar, near, begin, end)
                    if s != NOWHERE:
                        return s
                    begin = end
        y0, x0 = y1, x1
    return NOWHERE
