"""Make elevation grids, and hold them against airfields.

    python scripts/build_elevation.py embedded --etopo5 etopo5.cdf
    python scripts/build_elevation.py full --tiles FOLDER --arcsec 60 --north 84 --out worldelev.npy
    python scripts/build_elevation.py check [worldelev.npy]

`embedded` makes the grid that comes with HABSIM from packages: the altitudes of PyPI's pvlib and the ETOPO5
of Debian's ferret-datasets (/usr/share/ferret-vis/data/etopo5.cdf).  `full` makes one from a folder of
GeoTIFF or NetCDF tiles, such as GMTED2010 mean or ETOPO 2022 surface.  `check` prints how far a grid is from
the elevations of airfields, which are an input to neither.  All need requirements-elevation.txt.

In grids made here the sea is 0, and so is land below it.
"""

import argparse
import importlib.util
import lzma
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import airportsdata
import h5py
import numpy as np
import rasterio
from numpy.lib import format as npy
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import from_origin
from rasterio.windows import Window

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from elev import CELL, EMBEDDED, Elevation, publish_embedded
from habsim.arrays import Floats
from habsim.errors import BadFileError, HabsimError, InvalidRequestError
from habsim.files import publish

FOOT = 0.3048  # m, exactly

ROWS, COLS = 2160, 4320  # of the embedded grid
PVLIB_STEP, PVLIB_ZERO, PVLIB_NONE = 28, -450, 255  # metres = 28 q - 450; pvlib.location.lookup_altitude
PVLIB_EXCESS = 2.0  # columns by which pvlib's land spans more than the globe; see `merge`
PVLIB_SOUTH_END = 2100  # the first row without data, at 85 S
SEAM_ROWS = 12  # over which ETOPO5 leaves pvlib's level south of that
ICE_SHEET_ROWS = slice(1800, 1921)  # 60 S to 70 S and the row across that edge
GREENLAND = [  # (lon, lat) of a line at sea, through Nares Strait and between Greenland and Iceland
    (-73.5, 78.2), (-70, 79.5), (-67.5, 80.8), (-63, 81.6), (-61, 82), (-58, 83), (-45, 84), (-20, 84),
    (-8, 81), (-15, 76), (-18, 72), (-20, 69.5), (-26, 68), (-32, 66), (-40, 62), (-42, 59), (-46, 59.3),
    (-53, 62), (-56, 66), (-58, 70), (-60, 73.5), (-68, 75.5), (-74, 76.5), (-73.5, 78.2),
]  # fmt: skip

MISSING = -32768  # marks cells that no tile has filled yet
SNAP = 0.1  # of a tile's cell: GMTED2010 lies half an arc second off the grid it means


def merge(quanta: NDArray[np.uint8], etopo: Floats) -> NDArray[np.int16]:
    """Return the embedded grid, int16 (2160, 4320), from pvlib's quanta and ETOPO5's metres.

    `quanta` (2160, 4320) starts at 90 N 180 W, `etopo` (2161, 4320) at 90 N 0 E.  pvlib gives land to within
    14 m, and ETOPO5 chooses within that.  ETOPO5 alone gives what pvlib leaves out.  Where pvlib shows an
    ice sheet's bed, the surface is the higher of the two.

    Against ETOPO5, pvlib's land drifts evenly by two columns from 180 W to 180 E, and its outermost columns
    are doubled: its columns reach one beyond the globe on either side.  Its sea does not drift.
    """
    coarse = np.maximum(_etopo_cells(etopo), 0.0)
    middle = (COLS - 1) / 2
    column = np.rint(middle + (np.arange(COLS) - middle) * (1 - PVLIB_EXCESS / COLS)).astype(int)
    fine = quanta[:, column] * float(PVLIB_STEP) + PVLIB_ZERO
    chosen = np.clip(coarse, fine - PVLIB_STEP / 2, fine + PVLIB_STEP / 2)
    absent = (quanta == PVLIB_NONE) | (quanta[:, column] == PVLIB_NONE)
    grid = np.where(absent, coarse, chosen)

    ice = _inside(GREENLAND)
    ice[ICE_SHEET_ROWS] = True
    grid = np.where(ice, np.maximum(grid, coarse), grid)

    last = PVLIB_SOUTH_END - 1
    fade = np.maximum(1 - np.arange(1, ROWS - last) / SEAM_ROWS, 0.0)[:, None]
    grid[last + 1 :] += fade * (grid[last] - coarse[last])
    return np.rint(np.maximum(grid, 0.0)).astype(CELL)


def _etopo_cells(etopo: Floats) -> Floats:
    """Return ETOPO5 as the cells of the embedded grid.

    The file labels value (r, c) with 90 - r/12 N, c/12 E.  Its land fits pvlib's best as that of the cell
    centred at 90 - (r + 1/2)/12 N, (c + 3/2)/12 E, so nothing needs interpolating.
    """
    return np.roll(etopo[:-1], COLS // 2 + 1, axis=1)


def _inside(outline: list[tuple[float, float]]) -> NDArray[np.bool_]:
    """Return which cells of the embedded grid lie in `outline`, (lon, lat) in degrees."""
    polygon = {"type": "Polygon", "coordinates": [outline]}
    placing = from_origin(-180.0, 90.0, 360.0 / COLS, 360.0 / COLS)
    return np.asarray(rasterize([polygon], (ROWS, COLS), transform=placing), bool)


def build_embedded(pvlib: Path, etopo5: Path, out: Path) -> None:
    """Publish the embedded grid, compressed, at `out`."""
    with h5py.File(pvlib) as file:
        quanta = file["Altitude"][:]
    with rasterio.open(etopo5) as file:
        etopo = file.read(1).astype(float)
    if quanta.shape != (ROWS, COLS) or etopo.shape != (ROWS + 1, COLS):
        raise BadFileError(f"{pvlib} is {quanta.shape} and {etopo5} {etopo.shape}: other files than expected")
    grid = merge(quanta, etopo)

    def write(stream: BinaryIO) -> None:
        with lzma.open(stream, "wb", preset=9 | lzma.PRESET_EXTREME) as packed:
            npy.write_array(packed, grid, allow_pickle=False)

    publish(out, write)


@dataclass(frozen=True, slots=True)
class Tile:
    """One raster file as a block of cells of the wanted grid, counted from 90 N 180 W."""

    path: Path
    top: int
    left: int
    rows: int
    cols: int
    finer: int  # cells of the file across one cell of the grid

    @classmethod
    def open(cls, path: Path, per_degree: int) -> "Tile":
        """Return the tile in `path` for a grid of `per_degree` cells a degree.

        Raises `BadFileError` if it is not a north-up raster in degrees whose cells subdivide the grid's.
        """
        try:
            with rasterio.open(path) as file:
                count, crs, placing = file.count, file.crs, file.transform
                height, width = file.shape
        except rasterio.errors.RasterioIOError as error:
            raise BadFileError(f"tile {path} cannot be read: {error}") from error
        if count != 1 or not placing.is_rectilinear or (crs is not None and not crs.is_geographic):
            raise BadFileError(f"tile {path} must be one north-up band in degrees, not {count} in {crs}")
        exact = np.array([1.0 / placing.a, -1.0 / placing.e]) / per_degree
        finer = int(np.rint(exact[0]))
        edges = np.array([90.0 - placing.f, placing.c + 180.0]) * per_degree
        top, left = np.rint(edges).astype(int).tolist()
        drift = np.abs(exact - finer) * max(height, width)
        if finer < 1 or height % finer or width % finer or np.any(drift > SNAP * finer):
            raise BadFileError(f"tile {path}: its cells do not subdivide those of 1/{per_degree} degree")
        if np.any(np.abs(edges - (top, left)) * finer > SNAP):
            raise BadFileError(f"tile {path}: its edges are not edges of cells of 1/{per_degree} degree")
        return cls(path, top, left, height // finer, width // finer, finer)

    def rows_between(self, first: int, last: int) -> NDArray[np.int16]:
        """Return rows `first` to `last` of the tile, int16 (row, col), each cell the mean of the file's.

        What lies below the sea counts as 0, so that the sea does not drag its coast down.
        """
        k = self.finer
        window = Window(0, first * k, self.cols * k, (last - first) * k)
        with rasterio.open(self.path) as file:
            bands = file.read(
                [1], window=window, masked=True
            )  # a bare 1 has rasterio set a shape: NumPy 2.5 warns
            fine = np.ma.masked_invalid(bands[0].astype(np.float32))
        blocks = np.maximum(fine, 0).reshape(last - first, k, self.cols, k)
        return np.ma.filled(np.rint(blocks.mean(axis=(1, 3))), MISSING).astype(CELL)


def bands(tiles: list[Tile], per_degree: int, north: int) -> Iterator[NDArray[np.int16]]:
    """Yield the grid from `north` to the South Pole, a degree of latitude at a time.

    Where tiles overlap the later one counts.  Raises `BadFileError` at the first cell that none fills.
    """
    cols = 360 * per_degree
    for degree in range(north, -90, -1):
        top = (90 - degree) * per_degree
        band = np.full((per_degree, cols), MISSING, CELL)
        for tile in tiles:
            first, last = max(top, tile.top), min(top + per_degree, tile.top + tile.rows)
            if first < last:
                values = tile.rows_between(first - tile.top, last - tile.top)
                columns = (tile.left + np.arange(tile.cols)) % cols
                held = band[first - top : last - top, columns]
                band[first - top : last - top, columns] = np.where(values == MISSING, held, values)
        if np.any(band == MISSING):
            row, col = np.argwhere(band == MISSING)[0]
            lat, lon = degree - (row + 0.5) / per_degree, (col + 0.5) / per_degree - 180.0
            raise BadFileError(f"no tile has data at {lat:.4f}, {lon:.4f}: add it, or lower --north")
        yield band


def build_full(folder: Path, arcsec: int, north: int, out: Path) -> None:
    """Publish at `out` the grid that the tiles in `folder` make, and the text that names them."""
    if arcsec < 1 or 3600 % arcsec or not -90 < north <= 90:
        raise InvalidRequestError("--arcsec must divide 3600, and --north be a whole degree from -89 to 90")
    per_degree = 3600 // arcsec
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".tif", ".tiff", ".nc"})
    if not paths:
        raise BadFileError(f"no .tif, .tiff or .nc file in {folder}")
    tiles = [Tile.open(path, per_degree) for path in paths]
    shape = ((north + 90) * per_degree, 360 * per_degree)
    source = f"tiles {paths[0].name} to {paths[-1].name}, averaged to {arcsec} arc seconds\n"

    def write(stream: BinaryIO) -> None:
        npy.write_array_header_1_0(stream, {"descr": CELL.str, "fortran_order": False, "shape": shape})
        for band in bands(tiles, per_degree, north):
            stream.write(band.tobytes())
        publish(out.with_suffix(".txt"), lambda text: text.write(source.encode()))

    publish(out, write)


def airfield_errors(elevation: Elevation) -> Floats:
    """Return |grid - stated elevation| (m) at each airfield of airportsdata."""
    fields = airportsdata.load("ICAO").values()
    lat, lon, feet = np.array([(field["lat"], field["lon"], field["elevation"]) for field in fields]).T
    return np.asarray(np.abs(elevation.at(lat, lon) - feet * FOOT))


def check(path: Path | None) -> None:
    """Print how far the grid in `path`, or the embedded one, is from the airfields."""
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = Path(folder) / "worldelev.npy"
            publish_embedded(path)
        elevation = Elevation.open(path)
        errors = airfield_errors(elevation)
        median, most = np.percentile(errors, [50, 95])
        print(f"{elevation.source}; cells of {elevation.resolution_m:.0f} m")
        print("airfields   median |error|   95th percentile")
        print(f"{errors.size:9d} {median:14.1f} m {most:15.1f} m")


def _pvlib_altitudes() -> Path:
    """Return where the installed pvlib keeps its altitudes."""
    package = importlib.util.find_spec("pvlib")
    if package is None or package.origin is None:
        raise BadFileError(
            "pvlib is not installed: pip install -r requirements-elevation.txt, or give --pvlib"
        )
    return Path(package.origin).parent / "data" / "Altitude.h5"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make elevation grids, and hold them against airfields.")
    commands = parser.add_subparsers(dest="command", required=True)
    embedded = commands.add_parser("embedded", help="make the grid that comes with HABSIM")
    embedded.add_argument("--pvlib", type=Path, help="Altitude.h5 (default: the installed pvlib's)")
    embedded.add_argument("--etopo5", type=Path, required=True, help="etopo5.cdf of Debian's ferret-datasets")
    embedded.add_argument("--out", type=Path, default=EMBEDDED, help="default: %(default)s")
    full = commands.add_parser("full", help="make worldelev.npy from GeoTIFF or NetCDF tiles")
    full.add_argument("--tiles", type=Path, required=True, help="folder of .tif, .tiff or .nc files")
    full.add_argument("--arcsec", type=int, default=60, help="size of a cell (default: %(default)s)")
    full.add_argument("--north", type=int, default=90, help="upper edge, degrees; GMTED2010 ends at 84")
    full.add_argument("--out", type=Path, default=Path("worldelev.npy"), help="default: %(default)s")
    airfields = commands.add_parser("check", help="print a grid's errors at airfields")
    airfields.add_argument("grid", type=Path, nargs="?", help="default: the grid that comes with HABSIM")
    return parser.parse_args()


def main() -> None:
    """Do what the command line asks."""
    asked = _arguments()
    try:
        if asked.command == "embedded":
            build_embedded(asked.pvlib or _pvlib_altitudes(), asked.etopo5, asked.out)
        elif asked.command == "full":
            build_full(asked.tiles, asked.arcsec, asked.north, asked.out)
        else:
            check(asked.grid)
    except (HabsimError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
