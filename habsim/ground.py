"""The height of the ground between the cell centres of a global grid.

    cells   int16 (row, col), m; row 0 northernmost, column 0 east of 180 W
    cell    360 / cols degrees, the side of a square cell
    row r   has its centre at latitude  -90 + (rows - r - 1/2) cell: the rows reach up from 90 S
    col c   has its centre at longitude -180 + (c + 1/2) cell: the columns go round the globe

Both ways a position becomes a fractional index,

    y = rows - 1/2 - (lat + 90) / cell     held within [0, rows - 1]
    x = (lon + 180) / cell - 1/2           i = floor(x), columns i and i + 1 modulo cols

and the height is bilinear in (y - floor y, x - floor x), raised to 0 where it is below.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from habsim.arrays import Floats, Ints


def rows_under(shape: tuple[int, int], lat: ArrayLike) -> Ints:
    """Return the rows, ascending, of a grid of `shape` on which the ground at `lat` (degrees) depends."""
    rows, cols = shape
    upper = np.unique(np.minimum(np.floor(_row(rows, cols, lat)), rows - 2.0).astype(np.int64))
    return np.union1d(upper, upper + 1)


def height(cells: NDArray[np.int16], lat: ArrayLike, lon: ArrayLike) -> Floats:
    """Return the ground (m, never below 0) at `lat`, `lon` (degrees, finite); their broadcast shape.

    Beyond the centres of the first and last row it is that row's; any turn of longitude is the same place.
    """
    rows, cols = cells.shape
    per_degree = cols / 360.0
    y = _row(rows, cols, lat)
    x = (np.asarray(lon, float) + 180.0) * per_degree - 0.5
    upper = np.minimum(np.floor(y), rows - 2.0).astype(np.int64)
    left = np.floor(x).astype(np.int64)
    south, east = y - upper, x - left
    west_column, east_column = left % cols, (left + 1) % cols  # of integers: never cols itself
    north_row = cells[upper, west_column] * (1.0 - east) + cells[upper, east_column] * east
    south_row = cells[upper + 1, west_column] * (1.0 - east) + cells[upper + 1, east_column] * east
    return np.asarray(np.maximum(north_row * (1.0 - south) + south_row * south, 0.0))


def _row(rows: int, cols: int, lat: ArrayLike) -> Floats:
    """Return the fractional row of `lat`."""
    return np.clip(rows - 0.5 - (np.asarray(lat, float) + 90.0) * (cols / 360.0), 0.0, rows - 1.0)
