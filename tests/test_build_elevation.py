"""Grids made from small tiles and from invented packages, and the grid that comes with HABSIM."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from elev import Elevation, publish_embedded
from habsim.arrays import Floats
from habsim.errors import BadFileError, InvalidRequestError
from scripts.build_elevation import COLS, PVLIB_NONE, ROWS, airfield_errors, build_full, merge

DEGREE = 3600  # arc seconds


def tile(path: Path, values: NDArray[Any], west: float, north: float, cell: float, **more: Any) -> Path:
    """Write `values` as a GeoTIFF whose corner is at `north`, `west`."""
    rows, cols = values.shape
    profile = {"driver": "GTiff", "height": rows, "width": cols, "count": 1, "dtype": values.dtype}
    profile |= {"crs": "EPSG:4326", "transform": from_origin(west, north, cell, cell)} | more
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)
    return path


def globe() -> Floats:
    """Return 360 x 720 heights of half a degree, all different from their neighbours."""
    row, col = np.indices((360, 720))
    return np.asarray((row * 7 + col * 3) % 1000, np.float32)


def degree_means(half_degrees: Floats) -> Floats:
    """Return the means of blocks of two by two."""
    return np.asarray(half_degrees.reshape(180, 2, 360, 2).mean(axis=(1, 3)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "tiles"
    path.mkdir()
    return path


def test_tiles_become_the_means_of_their_cells(tmp_path: Path, folder: Path) -> None:
    heights, out = globe(), tmp_path / "worldelev.npy"
    for row in (0, 1):
        for col in (0, 1):
            part = heights[180 * row : 180 * (row + 1), 360 * col : 360 * (col + 1)].astype("i2")
            tile(folder / f"part_{row}{col}.tif", part, -180 + 180 * col, 90 - 90 * row, 0.5)
    build_full(folder, DEGREE, 90, out)
    elevation = Elevation.open(out)
    np.testing.assert_array_equal(elevation.cells, np.rint(degree_means(heights)))
    assert elevation.source == "tiles part_00.tif to part_11.tif, averaged to 3600 arc seconds"


def test_a_netcdf_globe_from_the_south_pole_and_greenwich_is_turned(tmp_path: Path, folder: Path) -> None:
    heights, out = globe(), tmp_path / "worldelev.npy"
    with h5py.File(folder / "globe.nc", "w") as file:
        file["lat"], file["lon"] = np.arange(-89.75, 90, 0.5), np.arange(0.25, 360, 0.5)
        file["z"] = np.roll(heights[::-1], 360, axis=1)
        for axis, (name, units) in enumerate([("lat", "degrees_north"), ("lon", "degrees_east")]):
            file[name].attrs["units"] = units
            file[name].make_scale(name)
            file["z"].dims[axis].attach_scale(file[name])
    build_full(folder, DEGREE, 90, out)
    np.testing.assert_array_equal(Elevation.open(out).cells, np.rint(degree_means(heights)))


def test_tiles_half_an_arc_second_off_fill_the_grid_they_mean(tmp_path: Path, folder: Path) -> None:
    heights, out = globe(), tmp_path / "worldelev.npy"
    half_second = 0.5 / 3600  # how GMTED2010 is placed
    tile(folder / "globe.tif", heights, -180 - half_second, 90 - half_second, 0.5)
    build_full(folder, DEGREE, 90, out)
    np.testing.assert_array_equal(Elevation.open(out).cells, np.rint(degree_means(heights)))


def test_a_grid_to_84_north_stands_on_the_south_pole(tmp_path: Path, folder: Path) -> None:
    heights, out = globe(), tmp_path / "worldelev.npy"
    tile(folder / "globe.tif", heights[12:], -180, 84, 0.5)
    build_full(folder, DEGREE, 84, out)
    elevation = Elevation.open(out)
    assert elevation.cells.shape == (174, 360)
    np.testing.assert_array_equal(elevation.cells, np.rint(degree_means(heights))[6:])
    assert elevation.at(-89.5, 0.5) == elevation.cells[-1, 180]


def test_what_a_tile_lacks_is_left_out_of_the_mean_and_to_the_tiles_before(
    tmp_path: Path, folder: Path
) -> None:
    out = tmp_path / "worldelev.npy"
    tile(folder / "a.tif", np.full((360, 720), 500, "i2"), -180, 90, 0.5)
    patch = np.full((4, 4), 900, "i2")
    patch[:2, :2] = -9999  # all of the first degree
    patch[2, 2] = -9999  # a quarter of the last
    tile(folder / "b.tif", patch, 10, 50, 0.5, nodata=-9999)
    build_full(folder, DEGREE, 90, out)
    cells = Elevation.open(out).cells
    np.testing.assert_array_equal(cells[40:42, 190:192], [[500, 900], [900, 900]])
    assert np.count_nonzero(cells != 500) == 3


def test_not_a_number_is_no_data(tmp_path: Path, folder: Path) -> None:
    heights = globe()
    heights[100:102, 200:202] = np.nan
    tile(folder / "globe.tif", heights, -180, 90, 0.5)
    with pytest.raises(BadFileError, match=r"no tile has data at 39\.5000, -79\.5000"):
        build_full(folder, DEGREE, 90, tmp_path / "worldelev.npy")


def test_depths_count_as_sea_level(tmp_path: Path, folder: Path) -> None:
    heights, out = np.full((360, 720), -4000, "i2"), tmp_path / "worldelev.npy"
    heights[:, 1::2] = 100  # each degree is half land, half sea
    tile(folder / "globe.tif", heights, -180, 90, 0.5)
    build_full(folder, DEGREE, 90, out)
    assert np.all(Elevation.open(out).cells == 50)


def test_a_gap_between_tiles_leaves_nothing_behind(tmp_path: Path, folder: Path) -> None:
    tile(folder / "north.tif", np.full((180, 720), 5, "i2"), -180, 90, 0.5)
    out = tmp_path / "out" / "worldelev.npy"
    with pytest.raises(BadFileError, match=r"no tile has data at -0\.5000, -179\.5000"):
        build_full(folder, DEGREE, 90, out)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("placing", "fault"),
    [
        ({"transform": from_origin(-180, 90, 0.7, 0.7)}, "subdivide"),
        ({"transform": from_origin(-180, 90, 2, 2)}, "subdivide"),
        ({"transform": from_origin(-180, 90, 0.5, 0.25)}, "subdivide"),
        ({"transform": from_origin(-180.25, 90.25, 0.5, 0.5)}, "edges"),
        ({"transform": from_origin(-180, -90, 0.5, -0.5)}, "subdivide"),
        ({"crs": "EPSG:3857"}, "degrees"),
    ],
)
def test_a_raster_that_does_not_fit_the_grid_is_refused(
    tmp_path: Path, folder: Path, placing: dict[str, Any], fault: str
) -> None:
    tile(folder / "globe.tif", globe(), -180, 90, 0.5, **placing)
    with pytest.raises(BadFileError, match=f"globe.tif.*{fault}"):
        build_full(folder, DEGREE, 90, tmp_path / "worldelev.npy")


def test_a_file_that_is_no_raster_is_refused(tmp_path: Path, folder: Path) -> None:
    (folder / "globe.tif").write_text("<html>not found</html>")
    with pytest.raises(BadFileError, match="cannot be read"):
        build_full(folder, DEGREE, 90, tmp_path / "worldelev.npy")


def test_an_empty_folder_and_an_odd_resolution_are_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InvalidRequestError, match="arcsec"):
        build_full(folder, 7, 90, tmp_path / "worldelev.npy")
    with pytest.raises(BadFileError, match=r"no \.tif"):
        build_full(folder, DEGREE, 90, tmp_path / "worldelev.npy")


@pytest.fixture(scope="module")
def invented() -> NDArray[np.int16]:
    """Return the merger of an invented world, in bands of latitude.

    pvlib says 2350 m but for some strips, ETOPO5 another height in each strip.
    """
    quanta = np.full((ROWS, COLS), 100, "u1")
    etopo = np.full((ROWS + 1, COLS), 3000.0)
    etopo[500:510] = 2340.0  # within pvlib's quantum
    quanta[600:640] = PVLIB_NONE
    etopo[600:620] = -3000.0  # sea in both
    etopo[620:640] = 500.0  # land in ETOPO5 only
    quanta[2100:] = PVLIB_NONE
    return merge(quanta, etopo)


def test_etopo5_chooses_within_the_quantum_of_pvlib(invented: NDArray[np.int16]) -> None:
    assert np.all(invented[500:510] == 2340)
    assert np.all(invented[700:1800] == 2350 + 14)


def test_where_pvlib_has_nothing_etopo5_decides_between_sea_and_land(invented: NDArray[np.int16]) -> None:
    assert np.all(invented[600:620] == 0)
    assert np.all(invented[620:640] == 500)


def test_an_ice_sheet_has_its_surface_not_its_bed(invented: NDArray[np.int16]) -> None:
    def at(lat: float, lon: float) -> int:
        return int(invented[int((90 - lat) * 12), int((lon + 180) * 12)])

    assert at(72.5, -38) == at(62, -45) == at(81, -40) == at(-67, 100) == 3000
    iceland, ellesmere, baffin, jan_mayen = at(65, -18), at(81, -75), at(70, -70), at(71, -8.5)
    assert iceland == ellesmere == baffin == jan_mayen == 2364


def test_south_of_pvlib_etopo5_leaves_its_level_over_a_degree(invented: NDArray[np.int16]) -> None:
    assert np.all(invented[2099] == 2364)
    seam = invented[2100:2113, 0]
    np.testing.assert_array_equal(seam, np.rint(3000 - 636 * (1 - np.arange(1, 14) / 12).clip(0)))


def test_pvlibs_columns_are_drawn_together_by_one_at_either_end() -> None:
    column = np.arange(COLS)
    quanta = np.broadcast_to((20 + column // 20).astype("u1"), (ROWS, COLS))
    grid = merge(quanta, np.full((ROWS + 1, COLS), 9000.0))  # the top of each quantum is chosen
    source = column + (column < COLS // 4) - (column >= COLS - COLS // 4)
    np.testing.assert_array_equal(grid[1000], 28 * (20 + source // 20) - 450 + 14)


def test_the_embedded_grid_is_pvlibs_where_pvlib_shows_the_surface(tmp_path: Path) -> None:
    package = importlib.util.find_spec("pvlib")
    assert package is not None
    assert package.origin is not None
    with h5py.File(Path(package.origin).parent / "data" / "Altitude.h5") as file:
        quanta = file["Altitude"][420:1740, 1200:3120].astype(int)  # 55 N to 55 S, 80 W to 80 E: no drift
    publish_embedded(tmp_path / "worldelev.npy")
    cells = Elevation.open(tmp_path / "worldelev.npy").cells[420:1740, 1200:3120]
    land = quanta != PVLIB_NONE
    metres = np.maximum(28 * quanta - 450, 0)
    assert np.count_nonzero(land) > 500_000
    assert np.abs(cells - metres)[land].max() <= 14  # half a quantum


def test_the_embedded_grid_agrees_with_the_airfields(tmp_path: Path) -> None:
    publish_embedded(tmp_path / "worldelev.npy")
    errors = airfield_errors(Elevation.open(tmp_path / "worldelev.npy"))
    assert errors.size > 25_000
    assert np.median(errors) <= 20.5  # the promise of the README, like the next
    assert np.percentile(errors, 95) <= 300.0


def test_the_check_prints_its_table(tmp_path: Path) -> None:
    np.save(tmp_path / "worldelev.npy", np.full((180, 360), 9000, "<i2"))
    command = [sys.executable, "-m", "scripts.build_elevation", "check", str(tmp_path / "worldelev.npy")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    source, heading, figures = run.stdout.splitlines()
    assert source == "worldelev.npy, 180 x 360 cells; cells of 111195 m"
    assert heading.split() == ["airfields", "median", "|error|", "95th", "percentile"]
    median = float(figures.split()[1])
    assert 8000 < median < 9000  # half of the airfields lie between 0 and 1000 m


def test_a_fault_is_one_line_on_the_terminal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.build_elevation", "check", str(tmp_path / "worldelev.npy")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "worldelev.npy is missing" in run.stderr
