"""Which columns of the winds, and rows of the ground, flights are likely to meet next.

What they met and missed is marked and fetched in any case; a good guess saves further rounds.
"""

import numpy as np
from numpy.typing import NDArray

from habsim.arrays import Floats, Ints
from habsim.field import Field

_LATS, _LONS = 1.0, 2.0  # degrees (of the equator), on each side of the cell of a launch
_MOST_TURNED = 4.0  # how many times more degrees of longitude that may be towards the poles
_FIRST_WAY, _MOST_WAY = 2, 8  # cells beyond where a flight stops; twice as many each time
_GROUND = 128 << 10  # bytes of ground, on each side of a row that was missed


def columns(field: Field, before: Floats, stops: Floats, marked: NDArray[np.uint8], turn: int) -> Ints:
    """Return the numbers, ascending, of the columns to fetch: those marked, and some ahead.

    `before` and `stops`, (flight, 2), are lat and lon (continuous) of the flights that missed one: where they
    were launched, or missed one before, and where they did now, for the `turn`th time, from 0.  Of a flight
    that has not moved all around counts, else the way it was going.
    """
    begun, ended = _indices(field, before), _indices(field, stops)
    way = ended - begun
    moved = np.any(way != 0.0, 1)
    cells = np.zeros((field.rows - 1, field.columns - 1), bool)
    stretch = 1.0 / np.maximum(np.cos(np.radians(stops[:, 0])), 1.0 / field.columns)
    for (y, x), wide in set(zip(map(tuple, np.floor(ended[~moved]).tolist()), stretch[~moved], strict=True)):
        rows = int(np.ceil(_LATS * field.rows_per_degree))
        sides = int(np.ceil(_LONS * field.columns_per_degree * min(wide, _MOST_TURNED)))
        _mark(cells, y + np.arange(-rows, rows + 1)[:, None], x + np.arange(-sides, sides + 1))
    if np.any(moved):
        wide = min(float(stretch[moved].max()), _MOST_TURNED)
        length = int(np.ceil(wide * min(_FIRST_WAY << turn, _MOST_WAY)))
        heading = way[moved] / np.abs(way[moved]).max(1, keepdims=True)
        track = ended[moved][:, None] + np.arange(length + 1.0)[:, None] * heading[:, None]
        for side in (-1.0, 0.0, 1.0):
            _mark(cells, track[..., 0], track[..., 1] + side)
    wanted = np.array(marked.reshape(field.rows, field.columns), bool)
    for rows_on in (slice(None, -1), slice(1, None)):
        for columns_on in (slice(None, -1), slice(1, None)):
            wanted[rows_on, columns_on] |= cells
    numbers: Ints = np.flatnonzero(wanted)
    return numbers


def ground_rows(marked: NDArray[np.uint8], row_bytes: int, turn: int = 0) -> Ints:
    """Return the numbers, ascending, of the rows of the ground to fetch: those marked, and some around."""
    margin = max(_GROUND // row_bytes, 1) << turn
    met = np.flatnonzero(marked)
    first, last = max(int(met[0]) - margin, 0), min(int(met[-1]) + margin, marked.size - 1)
    near: Ints = np.arange(first, last + 1)
    after = np.searchsorted(met, near)
    apart = np.minimum(
        np.abs(near - met[np.minimum(after, met.size - 1)]), np.abs(near - met[np.maximum(after - 1, 0)])
    )
    return np.compress(apart <= margin, near)


def _indices(field: Field, places: Floats) -> Floats:
    """Return row and column, continuous, of places (n, 2): lat and lon."""
    y = (90.0 - places[:, 0]) * field.rows_per_degree
    return np.stack([y, places[:, 1] * field.columns_per_degree], -1)


def _mark(cells: NDArray[np.bool_], y: Floats, x: Floats) -> None:
    """Mark the cells around positions, which broadcast; rows beyond the poles are the last ones."""
    rows = np.clip(np.floor(y), 0, cells.shape[0] - 1).astype(np.int64)
    cells[rows, np.floor(x).astype(np.int64) % cells.shape[1]] = True
