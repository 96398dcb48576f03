"""Makes habsim/embedded/land.sqlite, where there is land and where water, from the basemap of the page.

    python scripts/build_water.py        # needs requirements-basemap.txt

A row for each tile of zoom 6 that has land (columns from 180 W, rows from 85 N): its land without the lakes,
in units of 1/4096 of the tile, rightward and downward, as compressed WKB.
"""

import gzip
import sqlite3
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import mapbox_vector_tile
import shapely
from shapely.geometry import shape

from habsim.water import EMBEDDED, EXTENT, ZOOM

BASEMAP = Path(__file__).parent.parent / "www" / "basemap" / "base.mbtiles"


def surface(layers: dict[str, Any], name: str) -> shapely.Geometry:
    """Return what the polygons of a tile's layer cover."""
    features = layers[name]["features"] if name in layers else []
    return shapely.union_all([shapely.make_valid(shape(feature["geometry"])) for feature in features])


def land(tile: bytes, column: int, row: int) -> shapely.Geometry:
    """Return the land of a vector tile, without lakes and the island that the source invents at 0 N 0 E."""
    layers = mapbox_vector_tile.decode(gzip.decompress(tile), default_options={"y_coord_down": True})
    dry = surface(layers, "land").difference(surface(layers, "lake"))
    x, y = EXTENT * (2 ** (ZOOM - 1) - column), EXTENT * (2 ** (ZOOM - 1) - row)  # of 0 N 0 E
    dry = dry.difference(shapely.box(x - 16, y - 16, x + 16, y + 16))
    inside = shapely.set_precision(dry.intersection(shapely.box(0, 0, EXTENT, EXTENT)), 1.0)
    return shapely.MultiPolygon([part for part in shapely.get_parts(inside) if part.geom_type == "Polygon"])


def main() -> None:
    """Write the file."""
    EMBEDDED.unlink(missing_ok=True)
    with closing(sqlite3.connect(BASEMAP)) as basemap, closing(sqlite3.connect(EMBEDDED)) as made:
        made.execute("CREATE TABLE land (x INTEGER, y INTEGER, wkb BLOB, PRIMARY KEY (x, y)) WITHOUT ROWID")
        query = "SELECT tile_column, tile_row, tile_data FROM tiles WHERE zoom_level = ? ORDER BY 1, 2"
        for column, row, tile in basemap.execute(query, (ZOOM,)):
            below = 2**ZOOM - 1 - row  # tiles of MBTiles are counted from the south
            wkb = zlib.compress(shapely.to_wkb(land(tile, column, below)), 9)
            made.execute("INSERT INTO land VALUES (?, ?, ?)", (column, below, wkb))
        made.commit()
        made.execute("VACUUM")
    print(f"{EMBEDDED.name}: {EMBEDDED.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
