"""Where there is water: the sea and large lakes, as the page's basemap has them.

The land lies in tiles of the web's Mercator projection, zoom 6, each read when something is first looked up
in it; a tile that is not there is sea.  Beyond the projection's edge, 85.05 degrees, the north is sea and the
south land.  Source: Natural Earth, 1:10 million.
"""

import sqlite3
import zlib
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from habsim.arrays import Floats
from habsim.earth import wrap

EMBEDDED = Path(__file__).parent / "embedded" / "land.sqlite"
COVERS = "sea and large lakes"
ZOOM = 6
EXTENT = 4096  # units of a tile's side
_TILES = 2**ZOOM
_EDGE = 85.0511287798  # degrees


def wet(lat: Floats, lon: Floats) -> NDArray[np.bool_]:
    """Return which places (degrees) lie in the sea or a large lake; same shape, (n,)."""
    phi = np.radians(np.clip(lat, -_EDGE, _EDGE))
    x = (np.asarray(wrap(lon)) + 180.0) / 360.0 * _TILES
    y = (1.0 - np.arcsinh(np.tan(phi)) / np.pi) / 2.0 * _TILES
    columns, rows = (np.clip(each.astype(np.intp), 0, _TILES - 1) for each in (x, y))
    result = np.ones(lat.shape, bool)
    for tile in np.unique(columns * _TILES + rows):
        column, row = divmod(int(tile), _TILES)
        land = _land(column, row)
        if land is not None:
            here = (columns == column) & (rows == row)
            result[here] = ~shapely.intersects_xy(land, EXTENT * (x[here] - column), EXTENT * (y[here] - row))
    result[lat > _EDGE] = True
    result[lat < -_EDGE] = False
    return result


@lru_cache(maxsize=256)
def _land(column: int, row: int) -> shapely.Geometry | None:
    """Return the land of one tile, prepared for many look-ups, or None where there is none."""
    with closing(sqlite3.connect(f"file:{EMBEDDED}?mode=ro&immutable=1", uri=True)) as connection:
        found = connection.execute("SELECT wkb FROM land WHERE x = ? AND y = ?", (column, row)).fetchone()
    if found is None:
        return None
    land = shapely.from_wkb(zlib.decompress(found[0]))
    shapely.prepare(land)
    return land
