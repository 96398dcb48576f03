"""Wind files in place: what they hold flies, what is damaged is refused, and nothing stays open."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from habsim.errors import BadFileError
from tests import winds
from tests.members import flown, landing, plan, saved, wind
from tests.winds import INTERVAL, START, Grid
from windfile import WindFile

GRID = Grid(7, 13, 3, (100.0, 300.0, 500.0, 850.0))


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def rough(grid: Grid = GRID) -> dict[str, Any]:
    """Return the arrays of a member, as `np.savez` takes them."""
    return {
        "data": winds.rough(grid),
        "levels": np.array(grid.levels_hpa),
        "timestamp": START,
        "interval": INTERVAL,
    }


def packed(path: Path, **arrays: Any) -> Path:
    with path.open("wb") as stream:
        np.savez(stream, **arrays)
    return path


def test_a_wind_file_knows_its_name_and_its_span(tmp_path: Path) -> None:
    opened = wind(tmp_path, winds.still(GRID), GRID)
    assert (opened.name, opened.start, opened.end) == ("member.npz", START, START + 2 * INTERVAL)


def test_an_open_file_costs_one_descriptor_and_gives_it_back(tmp_path: Path) -> None:
    path = saved(tmp_path / "member.npz", winds.still(GRID), GRID)
    before = descriptors()
    opened = WindFile.open(path)
    assert descriptors() == before + 1
    del opened
    assert descriptors() == before


def test_winds_stay_good_when_their_file_is_unlinked_or_renamed_over(tmp_path: Path) -> None:
    opened = wind(tmp_path, winds.rough(GRID), GRID)
    before = landing(opened, plan())
    saved(tmp_path / "next.npz", winds.still(GRID), GRID).rename(tmp_path / "member.npz")
    assert landing(opened, plan()) == before
    (tmp_path / "member.npz").unlink()
    assert landing(opened, plan()) == before


@pytest.mark.parametrize("padding", range(8))
def test_arrays_may_start_at_any_byte(tmp_path: Path, padding: int) -> None:
    """A zip aligns nothing: what comes before, and what the header says, moves the arrays about."""
    heights = winds.heights(GRID)
    expected = landing(wind(tmp_path, winds.rough(GRID), GRID, heights), plan())
    first = {"note": np.zeros(padding, np.uint8)} if padding else {}
    path = packed(tmp_path / "odd.npz", **first, **rough(), heights=heights)
    opened = WindFile.open(path)
    assert opened.layout.data_offset % 2 == padding % 2
    assert landing(opened, plan()) == expected


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
def test_keys_may_come_in_any_order(tmp_path: Path, turned: int) -> None:
    expected = landing(wind(tmp_path, winds.rough(GRID), GRID), plan())
    items = list(rough().items())
    path = packed(tmp_path / "turned.npz", **dict(items[turned:] + items[:turned]))
    assert landing(WindFile.open(path), plan()) == expected


def test_levels_may_come_in_either_order(tmp_path: Path) -> None:
    upward = Grid(GRID.rows, GRID.columns, GRID.times, GRID.levels_hpa[::-1])
    down = wind(tmp_path, winds.rough(GRID), GRID, winds.heights(GRID))
    up = wind(tmp_path, winds.rough(upward), upward, winds.heights(upward))
    assert landing(up, plan()) == landing(down, plan())


@pytest.mark.parametrize("step", [1.0, 2.0, 4.0])
def test_whole_heights_count_in_their_step(tmp_path: Path, step: float) -> None:
    """The same heights as float32: multiples of a power of two are exact in both."""
    whole = np.rint(winds.heights(GRID) / step).astype(np.int16)
    fine = wind(tmp_path, winds.rough(GRID), GRID, (step * whole).astype(np.float32))
    coarse = wind(tmp_path, winds.rough(GRID), GRID, whole, step)
    assert landing(coarse, plan()) == landing(fine, plan())


def test_heights_not_the_standard_atmosphere_place_the_levels(tmp_path: Path) -> None:
    with_heights = wind(tmp_path, winds.rough(GRID), GRID, winds.heights(GRID))
    without = wind(tmp_path, winds.rough(GRID), GRID)
    assert landing(with_heights, plan()) != landing(without, plan())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("component", [0, 1])
def test_a_wind_that_is_no_number_is_an_error_where_it_is_met(
    tmp_path: Path, value: float, component: int
) -> None:
    data = winds.rough(GRID)
    data[3, 0, 1, 0, component] = value  # the equator at Greenwich, 300 hPa
    opened = wind(tmp_path, data, GRID)
    with pytest.raises(BadFileError, match=r"member\.npz .* not usable near 0\.\d\d, 0\.\d\d at \d+ m"):
        flown(opened, plan(lat=0.1, lon=0.1))


def test_a_wind_that_is_no_number_matters_only_to_flights_that_meet_it(tmp_path: Path) -> None:
    sound, damaged = winds.rough(GRID), winds.rough(GRID)
    damaged[3, 0, 1, 0] = np.nan  # the equator at Greenwich, 300 hPa, the first slice
    beside = [
        plan(lat=31.0),  # a row away
        plan(lon=-31.0),  # a column away
        plan(alt=17e3, burst=20e3, descent=20.0, time=START + INTERVAL),  # a slice later
        plan(lon=100.0, alt=3e3),
    ]
    expected = [landing(wind(tmp_path, sound, GRID), each) for each in beside]
    opened = wind(tmp_path, damaged, GRID)
    assert [landing(opened, each) for each in beside] == expected


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_height_that_is_no_number_is_an_error(tmp_path: Path, value: float) -> None:
    heights = winds.heights(GRID)
    heights[3, 0, 1, 0] = value
    with pytest.raises(BadFileError, match=r"member\.npz"):
        flown(wind(tmp_path, winds.rough(GRID), GRID, heights), plan(lat=0.1, lon=0.1))


def test_levels_that_lie_over_one_another_in_one_column_are_an_error(tmp_path: Path) -> None:
    heights = winds.heights(GRID)
    heights[3, 0, [1, 2], 0] = heights[3, 0, [2, 1], 0]
    opened = wind(tmp_path, winds.rough(GRID), GRID, heights)
    with pytest.raises(BadFileError, match=r"member\.npz"):
        flown(opened, plan(lat=0.1, lon=0.1))
    assert np.isfinite(landing(opened, plan(lat=31.0))).all()


def broken(path: Path) -> dict[str, Path]:
    """Return one file for each way in which opening fails."""
    sound = saved(path / "sound.npz", winds.still(GRID), GRID).read_bytes()
    empty, short, folder = path / "empty.npz", path / "short.npz", path / "folder.npz"
    empty.write_bytes(b"")
    short.write_bytes(sound[:-1])
    folder.mkdir()
    with (path / "compressed.npz").open("wb") as stream:
        np.savez_compressed(stream, **rough())
    arrays = rough()
    del arrays["interval"]
    return {
        "No such file": path / "missing.npz",
        "Is a directory": folder,
        "damaged or truncated": empty,
        "File is not a zip file": short,
        "is compressed": path / "compressed.npz",
        "lacks the array 'interval'": packed(path / "incomplete.npz", **arrays),
        "not (lat, lon, level, time, 2)": packed(
            path / "flat.npz", **rough() | {"data": np.zeros((7, 13), "f2")}
        ),
        "strictly monotonic": packed(
            path / "levels.npz", **rough() | {"levels": np.array([1.0, 3.0, 2.0, 4.0])}
        ),
        "top of the standard atmosphere": packed(
            path / "space.npz", **rough() | {"levels": np.array([1e-4, 1.0, 2.0, 4.0])}
        ),
    }


def test_what_cannot_be_used_is_refused_by_name_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = descriptors()
    for fault, path in broken(tmp_path).items():
        with pytest.raises(BadFileError, match=path.name) as caught:
            WindFile.open(path)
        assert fault in str(caught.value)
        del caught
    assert descriptors() == before


def test_a_failed_flight_leaves_nothing_open(tmp_path: Path) -> None:
    before = descriptors()
    data = winds.still(GRID)
    data[:] = np.nan
    opened = wind(tmp_path, data, GRID)
    with pytest.raises(BadFileError):
        flown(opened, plan())
    del opened
    assert descriptors() == before


@pytest.mark.parametrize("times", [2, 3, 9])
def test_any_number_of_times_is_a_forecast(tmp_path: Path, times: int) -> None:
    grid = Grid(7, 13, times, GRID.levels_hpa)
    opened = wind(tmp_path, winds.uniform(grid, 0.0, 8.0), grid)
    late = plan(time=opened.end - 12_001.0)  # 30 km up and down at 5 m/s: 12 000 s
    assert landing(opened, late).lat == pytest.approx(landing(opened, plan()).lat, abs=1e-9)


def test_one_level_is_that_wind_at_every_height(tmp_path: Path) -> None:
    one, four = Grid(7, 13, 2, (500.0,)), Grid(7, 13, 2, GRID.levels_hpa)
    expected = landing(wind(tmp_path, winds.solid_body(four, 20.0), four), plan(lat=40.0))
    got = landing(wind(tmp_path, winds.solid_body(one, 20.0), one), plan(lat=40.0))
    assert got == pytest.approx(expected, abs=1e-7)  # degrees, 1 cm: other steps, other rounding
