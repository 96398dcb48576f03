"""One member's winds inside the kernel: cells of the grid and the polynomial in each.

A cell lies between two rows, columns, levels and times.  Level heights and winds are linear in latitude,
longitude and time at each level, then the wind is linear in height between the two levels.  The corners of
a cell are read once, as they lie in the file (half floats, whatever their alignment), and turned into the
coefficients of y, x and s, the fractions of its row, column and time.

Of a file that is only partly here, a map says which columns are; one that is met and missing is marked.
"""

import math
from typing import NamedTuple

import numpy as np

from habsim.earth import GEOPOTENTIAL_RADIUS
from habsim.memory import (
    compiled,
    raise_flag,
    read_flag,
    read_float64,
    read_int16,
    read_uint32,
    write_float64,
)

NO_HEIGHTS, FLOAT_HEIGHTS, INTEGER_HEIGHTS = 0, 1, 2

NUDGE = 1.0  # m, how far past a face a step ends, so that the next one starts in the next cell
LEAST = 1.0  # s, a step that a face would cut shorter runs past the face: its kink is not worth a step

# A cell's polynomials in memory: for each of six items, eight float64 coefficients.
U_LOW, U_HIGH, V_LOW, V_HIGH, HEIGHT_LOW, HEIGHT_HIGH = range(6)
POLYNOMIALS_SIZE = 48

NO_LAYER, NOT_HERE = -2, -3  # layers of a cell that cannot be flown through


class Field(NamedTuple):
    """One member's winds: where the file lies in memory and what it holds.

    The memory at its addresses must outlive the field.
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
    rows_per_degree: float
    columns_per_degree: float
    slots_per_second: float
    present: int = 0  # address of a byte a (row, column), 1 where it is here; 0 where all are
    wanted: int = 0  # address of a byte a (row, column), set where one was missed


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
    stored_column: int  # wrapped: where the column lies in the file
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
    where = (cell.row + (corner >> 2)) * field.columns + cell.stored_column + (corner >> 1 & 1)
    stored = field.levels - 1 - level if field.downward else level
    return (where * field.levels + stored) * field.times + min(cell.slot + (corner & 1), field.times - 1)


@compiled
def is_here(field: Field, cell: Cell) -> bool:
    """Return whether the four columns about `cell` are here; those missing are marked as wanted."""
    if field.present == 0:
        return True
    whole = True
    for corner in range(4):
        where = (cell.row + (corner >> 1)) * field.columns + cell.stored_column + (corner & 1)
        if read_flag(field.present + where) == 0:
            raise_flag(field.wanted + where)
            whole = False
    return whole


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
def load(field: Field, cell: Cell, polynomials: int) -> bool:
    """Read the corners of `cell`; return whether winds and heights are finite and heights in order.

    Of heights that do not vary, only the first coefficients are written: the others must be 0 before.
    """
    lower, upper = max(cell.layer, 0), min(cell.layer + 1, field.levels - 1)
    varying = field.heights_kind != NO_HEIGHTS
    sound = True
    for corner in range(8):
        at = polynomials + 8 * corner
        for side in range(2):
            level = upper if side else lower
            index = _index(field, cell, level, corner)
            u = read_int16(field.data + 4 * index)
            v = read_int16(field.data + 4 * index + 2)
            sound &= u & 0x7C00 != 0x7C00 and v & 0x7C00 != 0x7C00
            write_float64(at + 64 * (U_LOW + side), _half(u))
            write_float64(at + 64 * (V_LOW + side), _half(v))
            if varying or corner == 0:
                write_float64(at + 64 * (HEIGHT_LOW + side), _height(field, index, level))
        if varying:
            low, high = read_float64(at + 64 * HEIGHT_LOW), read_float64(at + 64 * HEIGHT_HIGH)
            sound &= low <= high if lower == upper else low < high
    for item in range(6 if varying else 4):
        _interpolate(polynomials + 64 * item)
    return sound


@compiled
def _interpolate(values: int) -> None:
    """Turn eight corner values into the coefficients of the polynomial through them, in place.

    Corners are numbered by row (4), column (2) and time (1); so are the powers of y, x and s.
    """
    for axis in range(3):
        stride = 1 << axis
        for corner in range(8):
            if corner & stride == 0:
                here, there = values + 8 * corner, values + 8 * (corner + stride)
                write_float64(there, read_float64(there) - read_float64(here))


@compiled
def fractions(field: Field, cell: Cell, lat: float, lon: float, time: float) -> tuple[float, float, float]:
    """Return y, x and s: how far into `cell` a position is, southward, eastward and in time.

    They are from 0 to 1 within the cell; a position may lie a little outside.
    """
    y = (90.0 - lat) * field.rows_per_degree - cell.row
    x = lon * field.columns_per_degree - cell.column
    return y, x, time * field.slots_per_second - cell.slot


@compiled
def blend(polynomials: int, item: int, at: tuple[float, float, float]) -> float:
    """Return the value of one item at fractions `at`."""
    y, x, s = at
    p = polynomials + 64 * item
    early = read_float64(p) + x * read_float64(p + 16)
    early += y * (read_float64(p + 32) + x * read_float64(p + 48))
    change = read_float64(p + 8) + x * read_float64(p + 24)
    change += y * (read_float64(p + 40) + x * read_float64(p + 56))
    return float(early + s * change)


@compiled
def wind(
    field: Field, cell: Cell, polynomials: int, lat: float, lon: float, alt: float, time: float
) -> tuple[float, float]:
    """Return (u, v) in m/s by the polynomials of `cell`, which are loaded."""
    at = fractions(field, cell, lat, lon, time)
    up = 0.0
    if 0 <= cell.layer < field.levels - 1:
        if field.heights_kind == NO_HEIGHTS:
            low = read_float64(polynomials + 64 * HEIGHT_LOW)
            high = read_float64(polynomials + 64 * HEIGHT_HIGH)
        else:
            low, high = blend(polynomials, HEIGHT_LOW, at), blend(polynomials, HEIGHT_HIGH, at)
        up = (geopotential(alt) - low) / (high - low)
    u, v = blend(polynomials, U_LOW, at), blend(polynomials, V_LOW, at)
    u += up * (blend(polynomials, U_HIGH, at) - u)
    v += up * (blend(polynomials, V_HIGH, at) - v)
    return u, v


@compiled
def _level_height(field: Field, cell: Cell, level: int, at: tuple[float, float, float]) -> float:
    """Return the height (m) of `level` at fractions `at` of the row, column and slot of `cell`."""
    if field.heights_kind == NO_HEIGHTS:
        return float(read_float64(field.level_heights + 8 * level))
    y, x, s = at
    total = 0.0
    for corner in range(8):
        weight = (y if corner & 4 else 1.0 - y) * (x if corner & 2 else 1.0 - x)
        weight *= s if corner & 1 else 1.0 - s
        total += weight * _height(field, _index(field, cell, level, corner), level)
    return total


@compiled
def column_over(field: Field, lat: float, lon: float, layer: int, slot: int) -> Cell:
    """Return the cell of a layer and a time slot at a position."""
    row = min(max(math.floor((90.0 - lat) * field.rows_per_degree), 0), field.rows - 2)
    column = math.floor(lon * field.columns_per_degree)
    return Cell(row, column, column % (field.columns - 1), layer, slot)


@compiled
def locate(field: Field, place: Place, layer: int, nudge: float) -> Cell:
    """Return the cell of `place`; `layer` is a guess, `nudge` (m) looks up or down.

    Its layer is NO_LAYER where the heights of the levels passed on the way are out of order or not finite,
    and NOT_HERE where a column of it is missing.
    """
    slot = min(int((place.time + LEAST) * field.slots_per_second), max(field.times - 2, 0))
    cell = column_over(field, place.lat, place.lon, layer, slot)
    if not is_here(field, cell):
        return Cell(cell.row, cell.column, cell.stored_column, NOT_HERE, slot)
    at = fractions(field, cell, place.lat, place.lon, place.time)
    height = geopotential(place.alt + nudge)
    low, high = -math.inf, math.inf
    while layer < field.levels - 1:
        above = _level_height(field, cell, layer + 1, at)
        if not above > low:
            return Cell(cell.row, cell.column, cell.stored_column, NO_LAYER, slot)
        if height < above:
            break
        layer, low = layer + 1, above
    while layer >= 0:
        below = _level_height(field, cell, layer, at)
        if not below < high:
            return Cell(cell.row, cell.column, cell.stored_column, NO_LAYER, slot)
        if height >= below:
            break
        layer, high = layer - 1, below
    return Cell(cell.row, cell.column, cell.stored_column, layer, slot)
