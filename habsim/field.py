"""One member's winds inside the kernel: cells of the grid and the polynomial in each.

A cell lies between two rows, columns, levels and times.  Level heights and winds are linear in latitude,
longitude and time at each level, then the wind is linear in height between the two levels.  The corners of
a cell are read once, as they lie in the file: half floats, whatever their alignment.
"""

import math
from typing import NamedTuple

import numpy as np

from habsim.earth import GEOPOTENTIAL_RADIUS
from habsim.memory import compiled, read_float64, read_int16, read_uint32, write_float64

NO_HEIGHTS, FLOAT_HEIGHTS, INTEGER_HEIGHTS = 0, 1, 2

NUDGE = 1.0  # m, how far past a face a step ends, so that the next one starts in the next cell
LEAST = 1.0  # s, a step that a face would cut shorter runs past the face: its kink is not worth a step

# Corners in memory: six items of eight float64, then eight weights; the corners' numbers are made of the
# row (4), the column (2) and the time (1).
U_LOW, U_HIGH, V_LOW, V_HIGH, HEIGHT_LOW, HEIGHT_HIGH = range(6)
_WEIGHTS = 6
CORNERS_SIZE = 56


class Field(NamedTuple):
    """One member's winds: where the file lies in memory and what it holds.

    The memory at `data`, `heights` and `level_heights` must outlive the field.
    """

    data: int  # address of the half floats (row, column, level, time, 2)
    heights: int  # address of the heights, 0 where there are none
    level_heights: int  # address of (level,) float64 m, ascending; used where the file carries no heights
    heights_kind: int
    heights_step: float  # m
    downward: bool  # the file's levels run from high to low
    rows: int
    columns: int
    levels: int
    times: int
    row_step: float  # degrees
    column_step: float  # degrees
    interval: float  # s


class Place(NamedTuple):
    """Where and when a balloon is: s since the first slice, degrees, m."""

    time: float
    lat: float
    lon: float  # continuous, not wrapped
    alt: float


class Cell(NamedTuple):
    """One cell of the grid."""

    row: int
    column: int  # continuous, not wrapped
    layer: int  # between levels layer and layer + 1; -1 below the lowest, levels - 1 above the highest
    slot: int  # between times slot and slot + 1


@compiled
def geopotential(alt: float) -> float:
    """Return the geopotential height (m) of altitude `alt` (m)."""
    return GEOPOTENTIAL_RADIUS * alt / (GEOPOTENTIAL_RADIUS + alt)


@compiled
def geometric(height: float) -> float:
    """Return the altitude (m) of geopotential `height` (m)."""
    return GEOPOTENTIAL_RADIUS * height / (GEOPOTENTIAL_RADIUS - height)


@compiled
def _half(bits: int) -> float:
    """Return the value of a finite IEEE half; 2**112 moves the exponent's bias from 15 to 127."""
    wide = np.uint32(((bits & 0x7FFF) << 13) | ((bits & 0x8000) << 16)).view(np.float32)
    return float(wide * np.float32(5.192296858534828e33))


@compiled
def _index(field: Field, cell: Cell, level: int, corner: int) -> int:
    """Return the number of a corner of `cell` at `level` in the file's arrays."""
    column = cell.column % (field.columns - 1) + (corner >> 1 & 1)
    where = (cell.row + (corner >> 2)) * field.columns + column
    stored = field.levels - 1 - level if field.downward else level
    return (where * field.levels + stored) * field.times + min(cell.slot + (corner & 1), field.times - 1)


@compiled
def _height(field: Field, index: int, level: int) -> float:
    """Return a level height (m), NaN where the file's is not finite."""
    if field.heights_kind == NO_HEIGHTS:
        return float(read_float64(field.level_heights + 8 * level))
    if field.heights_kind == INTEGER_HEIGHTS:
        return float(field.heights_step * read_int16(field.heights + 2 * index))
    bits = read_uint32(field.heights + 4 * index)
    if bits & 0x7F800000 == 0x7F800000:
        return math.nan
    return float(np.uint32(bits).view(np.float32))


@compiled
def load(field: Field, cell: Cell, corners: int) -> bool:
    """Read the corners of `cell`; return whether winds and heights are finite and heights in order."""
    lower, upper = max(cell.layer, 0), min(cell.layer + 1, field.levels - 1)
    sound = True
    for corner in range(8):
        for side in range(2):
            level = upper if side else lower
            index = _index(field, cell, level, corner)
            u = read_int16(field.data + 4 * index)
            v = read_int16(field.data + 4 * index + 2)
            sound &= u & 0x7C00 != 0x7C00 and v & 0x7C00 != 0x7C00
            write_float64(corners + 64 * (U_LOW + side) + 8 * corner, _half(u))
            write_float64(corners + 64 * (V_LOW + side) + 8 * corner, _half(v))
            write_float64(corners + 64 * (HEIGHT_LOW + side) + 8 * corner, _height(field, index, level))
        low = read_float64(corners + 64 * HEIGHT_LOW + 8 * corner)
        high = read_float64(corners + 64 * HEIGHT_HIGH + 8 * corner)
        sound &= low <= high if lower == upper else low < high
    return sound


@compiled
def weigh(field: Field, cell: Cell, corners: int, lat: float, lon: float, time: float) -> None:
    """Set the weights of the corners for a position; it may lie a little outside the cell."""
    y = (90.0 - lat) / field.row_step - cell.row
    x = lon / field.column_step - cell.column
    s = time / field.interval - cell.slot
    for corner in range(8):
        weight = (y if corner & 4 else 1.0 - y) * (x if corner & 2 else 1.0 - x)
        write_float64(corners + 64 * _WEIGHTS + 8 * corner, weight * (s if corner & 1 else 1.0 - s))


@compiled
def blend(corners: int, item: int) -> float:
    """Return one item of the corners at the position last weighed."""
    total = 0.0
    for corner in range(8):
        weight = read_float64(corners + 64 * _WEIGHTS + 8 * corner)
        total += weight * read_float64(corners + 64 * item + 8 * corner)
    return total


@compiled
def wind(
    field: Field, cell: Cell, corners: int, lat: float, lon: float, alt: float, time: float
) -> tuple[float, float]:
    """Return (u, v) in m/s by the polynomial of `cell`, whose corners are loaded."""
    weigh(field, cell, corners, lat, lon, time)
    up = 0.0
    if 0 <= cell.layer < field.levels - 1:
        if field.heights_kind == NO_HEIGHTS:
            low = read_float64(corners + 64 * HEIGHT_LOW)
            high = read_float64(corners + 64 * HEIGHT_HIGH)
        else:
            low, high = blend(corners, HEIGHT_LOW), blend(corners, HEIGHT_HIGH)
        up = (geopotential(alt) - low) / (high - low)
    u_low, v_low = blend(corners, U_LOW), blend(corners, V_LOW)
    return u_low + up * (blend(corners, U_HIGH) - u_low), v_low + up * (blend(corners, V_HIGH) - v_low)


@compiled
def _level_height(field: Field, cell: Cell, corners: int, level: int) -> float:
    """Return the height (m) of `level` at the position last weighed for the row and column of `cell`."""
    if field.heights_kind == NO_HEIGHTS:
        return float(read_float64(field.level_heights + 8 * level))
    total = 0.0
    for corner in range(8):
        weight = read_float64(corners + 64 * _WEIGHTS + 8 * corner)
        total += weight * _height(field, _index(field, cell, level, corner), level)
    return total


@compiled
def horizontal_cell(field: Field, lat: float, lon: float) -> tuple[int, int]:
    """Return the row and the continuous column of a position."""
    row = min(max(math.floor((90.0 - lat) / field.row_step), 0), field.rows - 2)
    return row, math.floor(lon / field.column_step)


@compiled
def locate(field: Field, place: Place, layer: int, nudge: float, corners: int) -> Cell:
    """Return the cell of `place`, its position weighed; `layer` is a guess, `nudge` (m) looks up or down."""
    row, column = horizontal_cell(field, place.lat, place.lon)
    slot = min(int((place.time + LEAST) / field.interval), max(field.times - 2, 0))
    cell = Cell(row, column, layer, slot)
    weigh(field, cell, corners, place.lat, place.lon, place.time)
    height = geopotential(place.alt + nudge)
    while layer < field.levels - 1 and height >= _level_height(field, cell, corners, layer + 1):
        layer += 1
    while layer >= 0 and height < _level_height(field, cell, corners, layer):
        layer -= 1
    return Cell(row, column, layer, slot)
