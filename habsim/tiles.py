"""The tiles of the page's map: MBTiles files, gzipped vector tiles in SQLite."""

import sqlite3
from contextlib import closing
from pathlib import Path


def tile(path: Path, zoom: int, column: int, row: int) -> bytes | None:
    """Return a gzipped vector tile of the file at `path`, or None where there is none.

    Columns are counted from 180 W, rows from the north; in the file, from the south.
    """
    if not (0 <= zoom < 32 and 0 <= column < 2**zoom and 0 <= row < 2**zoom):
        return None
    query = "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?"
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        found = connection.execute(query, (zoom, column, 2**zoom - 1 - row)).fetchone()
    return None if found is None else bytes(found[0])
