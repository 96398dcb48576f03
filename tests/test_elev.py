"""Elevation files: their geometry in closed forms, their faults, and the one that comes with HABSIM."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy
from numpy.typing import NDArray

from elev import EMBEDDED_SOURCE, Elevation, publish_embedded
from habsim import ground
from habsim.errors import BadFileError

EXACT = 1e-9  # m: sums of a few products of numbers below 1e4 in double precision


def ramp(rows: int, cols: int) -> NDArray[np.int16]:
    """Return cells whose height is 7 m a row southwards and 3 m a column eastwards."""
    return np.asarray(7 * np.arange(rows)[:, None] + 3 * np.arange(cols), "<i2")


def save(path: Path, cells: NDArray[np.generic]) -> Path:
    np.save(path, cells)
    return path


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Elevation:
    path = tmp_path_factory.mktemp("embedded") / "worldelev.npy"
    publish_embedded(path)
    return Elevation.open(path)


def test_a_cell_centre_has_the_height_of_its_cell() -> None:
    cells = ramp(18, 36)
    row, col = np.indices(cells.shape)
    heights = ground.height(cells, 85.0 - 10 * row, -175.0 + 10 * col)
    np.testing.assert_allclose(heights, cells, atol=EXACT)


def test_a_ramp_is_reproduced_between_the_centres() -> None:
    lat, lon = np.meshgrid(np.linspace(-85, 85, 53), np.linspace(-175, 175, 71), indexing="ij")
    exact = 7 * (85 - lat) / 10 + 3 * (lon + 175) / 10
    np.testing.assert_allclose(ground.height(ramp(18, 36), lat, lon), exact, atol=EXACT)


def test_between_the_last_and_the_first_column_lies_the_date_line() -> None:
    cells = np.zeros((18, 36), "<i2")
    cells[:, 0], cells[:, -1] = 100, 300
    lon = np.array([-180.0, 180.0, 177.5, -177.5, 540.0])
    np.testing.assert_allclose(ground.height(cells, 12.0, lon), [200, 200, 250, 150, 200], atol=EXACT)


@pytest.mark.parametrize("turn", [-720.0, -360.0, 0.0, 360.0])
@pytest.mark.parametrize("edge", [-180.0, -175.0, 0.0, 175.0, 180.0])
def test_the_next_representable_longitude_is_no_jump(edge: float, turn: float) -> None:
    cells = ramp(18, 36)
    lon = edge + turn
    near = np.array([np.nextafter(lon, -np.inf), lon, np.nextafter(lon, np.inf)])
    heights = ground.height(cells, 5.0, near)
    np.testing.assert_allclose(heights, ground.height(cells, 5.0, edge), atol=EXACT)


def test_a_longitude_just_west_of_a_centre_does_not_leave_the_grid() -> None:
    cells = ramp(2, 4)
    first_centre = np.nextafter(-135.0, -np.inf)
    assert ground.height(cells, 0.0, first_centre) == pytest.approx(3.5, abs=EXACT)
    assert ground.height(cells, 0.0, -1e-300) == pytest.approx(3.5 + 4.5, abs=EXACT)


def test_beyond_the_outermost_centres_the_ground_is_that_row() -> None:
    cells = ramp(18, 36)
    for lat in (85.0, 87.0, 90.0):
        assert ground.height(cells, lat, -175.0) == pytest.approx(0.0, abs=EXACT)
    for lat in (-85.0, -88.0, -90.0):
        assert ground.height(cells, lat, -175.0) == pytest.approx(7 * 17, abs=EXACT)


def test_rows_that_do_not_reach_the_north_pole_reach_up_from_the_south_pole() -> None:
    cells = np.repeat(np.arange(174, dtype="<i2")[:, None], 360, axis=1)  # to 84 N, 1 degree
    lat = np.array([90.0, 84.0, 83.5, 83.0, 0.5, -89.5, -90.0])
    np.testing.assert_allclose(ground.height(cells, lat, 10.0), [0, 0, 0, 0.5, 83, 173, 173], atol=EXACT)


def test_the_first_cell_of_a_whole_globe_is_centred_at_89_5_north_179_5_west() -> None:
    cells = np.zeros((180, 360), "<i2")
    cells[0, 0] = 1000
    assert ground.height(cells, 89.5, -179.5) == pytest.approx(1000, abs=EXACT)
    assert ground.height(cells, 89.0, -179.0) == pytest.approx(250, abs=EXACT)


def test_the_ground_is_never_below_the_sea() -> None:
    cells = np.full((2, 4), -400, "<i2")
    cells[0, 0] = 400
    lat, lon = np.meshgrid(np.linspace(-90, 90, 17), np.linspace(-180, 180, 33))
    heights = ground.height(cells, lat, lon)
    assert heights.min() == 0.0
    assert heights.max() == pytest.approx(400, abs=EXACT)
    # half way to a neighbour the mean is 0: cells are mixed first, and only the mixture is raised
    assert ground.height(cells, 45.0, -90.0) == pytest.approx(0.0, abs=EXACT)


def test_positions_of_any_shape_are_answered_in_that_shape() -> None:
    cells = ramp(18, 36)
    assert ground.height(cells, 1.0, 2.0).shape == ()
    assert ground.height(cells, np.zeros((3, 1)), np.zeros(5)).shape == (3, 5)
    assert ground.height(cells, np.zeros(0), np.zeros(0)).shape == (0,)


def test_an_opened_file_gives_its_cells_read_only(tmp_path: Path) -> None:
    cells = ramp(90, 180)
    elevation = Elevation.open(save(tmp_path / "worldelev.npy", cells))
    assert type(elevation.cells) is np.ndarray
    assert elevation.cells.dtype == np.int16
    assert elevation.cells.flags.c_contiguous
    assert elevation.cells.flags.aligned
    assert not elevation.cells.flags.writeable
    np.testing.assert_array_equal(elevation.cells, cells)
    assert float(elevation.at(89.0, -179.0)) == 0.0


def test_resolution_is_the_height_of_a_cell_on_the_mean_radius(tmp_path: Path) -> None:
    elevation = Elevation.open(save(tmp_path / "worldelev.npy", ramp(180, 360)))
    assert elevation.resolution_m == pytest.approx(math.pi / 180 * 6_371_009, rel=1e-12)


def test_the_source_is_the_text_beside_the_file(tmp_path: Path) -> None:
    path = save(tmp_path / "worldelev.npy", ramp(18, 36))
    assert Elevation.open(path).source == "worldelev.npy, 18 x 36 cells"
    (tmp_path / "worldelev.txt").write_text("GMTED2010 mean (public domain)\nmade by hand\n")
    assert Elevation.open(path).source == "GMTED2010 mean (public domain)"
    (tmp_path / "worldelev.txt").write_text("\n")
    assert Elevation.open(path).source == "worldelev.npy, 18 x 36 cells"


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (np.zeros((18, 36), "<f4"), "int16"),
        (np.zeros((18, 36), ">i2"), "int16"),
        (np.zeros((18, 36), "<u2"), "int16"),
        (np.asfortranarray(np.zeros((18, 36), "<i2")), "C order"),
        (np.zeros(36, "<i2"), "(rows, cols)"),
        (np.zeros((18, 36, 1), "<i2"), "(rows, cols)"),
        (np.zeros((1, 36), "<i2"), "2 to 18 rows"),
        (np.zeros((19, 36), "<i2"), "2 to 18 rows"),
        (np.zeros((2, 0), "<i2"), "rows"),
    ],
)
def test_an_array_that_is_not_a_global_grid_is_refused(
    tmp_path: Path, cells: NDArray[np.generic], fault: str
) -> None:
    path = save(tmp_path / "worldelev.npy", cells)
    before = descriptors()
    with pytest.raises(BadFileError) as refusal:
        Elevation.open(path)
    assert str(path) in str(refusal.value)
    assert fault in str(refusal.value)
    assert descriptors() == before


def test_a_file_that_ends_early_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    path = save(tmp_path / "worldelev.npy", ramp(18, 36))
    content = path.read_bytes()
    before = descriptors()
    for length in [*range(0, 140, 3), len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(BadFileError, match=r"worldelev\.npy is (damaged or )?truncated"):
            Elevation.open(path)
    assert descriptors() == before


@pytest.mark.parametrize(
    "content", [b"<html>not found</html>" * 9, b"PK\3\4" + bytes(200), b"\x93NUMPY" * 40]
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "worldelev.npy"
    path.write_bytes(content)
    with pytest.raises(BadFileError, match="damaged"):
        Elevation.open(path)


def test_an_absurd_size_in_the_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "worldelev.npy"
    with path.open("wb") as stream:
        header = {"descr": "<i2", "fortran_order": False, "shape": (2**40, 2**62)}
        npy.write_array_header_1_0(stream, header)
    with pytest.raises(BadFileError, match="truncated"):
        Elevation.open(path)


def test_an_array_at_an_odd_byte_is_refused(tmp_path: Path) -> None:
    header = (
        b"{'descr': '<i2', 'fortran_order': False, 'shape': (2, 4), }".ljust(64) + b"\n"
    )  # after 10 bytes
    path = tmp_path / "worldelev.npy"
    path.write_bytes(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + bytes(16))
    with pytest.raises(BadFileError, match="not aligned"):
        Elevation.open(path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=r"worldelev\.npy is missing: .*build_elevation"):
        Elevation.open(tmp_path / "worldelev.npy")


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="cannot be read"):
        Elevation.open(tmp_path)


def test_the_embedded_grid_is_published_with_its_sources(embedded: Elevation) -> None:
    assert embedded.cells.shape == (2160, 4320)
    assert embedded.source == EMBEDDED_SOURCE
    assert embedded.resolution_m == pytest.approx(9266, abs=1)


@pytest.mark.parametrize(
    ("lat", "lon", "lowest", "highest"),
    [
        (27.99, 86.93, 5000, 8849),  # Everest
        (36.58, -118.29, 2000, 4421),  # Mount Whitney
        (72.58, -38.46, 3100, 3300),  # Greenland, Summit station 3216 m
        (77.45, -51.06, 2350, 2550),  # Greenland, NEEM camp 2450 m
        (-78.46, 106.84, 3400, 3550),  # Vostok 3488 m
        (-75.10, 123.35, 3150, 3310),  # Dome C 3233 m
        (-90.0, 0.0, 2600, 3000),  # South Pole 2835 m
        (31.5, 35.48, 0, 0),  # Dead Sea, 430 m below the sea
        (0.0, -150.0, 0, 0),  # mid-Pacific
        (89.9, 20.0, 0, 0),  # Arctic Ocean
        (42.0, 50.5, 0, 0),  # Caspian Sea, 28 m below the sea
    ],
)
def test_the_embedded_grid_knows_the_world(
    embedded: Elevation, lat: float, lon: float, lowest: float, highest: float
) -> None:
    assert lowest <= embedded.at(lat, lon) <= highest


def test_the_embedded_ice_has_no_cliff_where_its_sources_meet(embedded: Elevation) -> None:
    cells = embedded.cells.astype(int)
    steps = np.abs(np.diff(cells, axis=0))
    for row in (1919, 1920, 2099, 2111):
        ice = cells[row] > 0
        assert np.median(steps[row][ice]) <= 100  # a slope of 1 % over a cell; the bed lies 1900 m below
