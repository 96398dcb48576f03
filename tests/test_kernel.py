"""The compiled integrator against the exact one, to the bit against itself, and under any plan."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from elev import Elevation
from habsim import kernel, points, trajectory
from habsim.errors import InvalidRequestError
from habsim.flight import FlightPlan
from tests import exact, winds
from tests.members import flown, plan
from tests.winds import START, Grid
from tests.worlds import COARSE, FINE, World, world

UPWARD = Grid(times=4, levels_hpa=COARSE.levels_hpa[::-1])


def launches(
    seed: int, count: int, ground: Elevation, lats: tuple[float, float] = (-75, 75)
) -> list[FlightPlan]:
    """Return random plans within 18 hours: both descent models, some with a float, from the ground up."""
    random = np.random.default_rng(seed)
    plans = []
    for number in range(count):
        lat, lon = random.uniform(*lats), random.uniform(-180.0, 180.0)
        plans.append(
            plan(
                time=START + random.uniform(0.0, 20_000.0),
                lat=lat,
                lon=lon,
                alt=float(ground.at(lat, lon)),
                burst=random.uniform(12e3, 45e3),
                coast=(0.0, 3600.0, 0.0, 10_000.0)[number % 4],
                ascent=random.uniform(3.0, 7.0),
                descent=random.uniform(4.0, 9.0),
                coeff=random.uniform(0.8, 1.2),
                parachute=number % 3 == 0,
            )
        )
    return plans


Make = Callable[[Grid], NDArray[np.float16]]
ATMOSPHERES: dict[str, tuple[Make, Grid, float | None]] = {
    "jets": (winds.jets, COARSE, None),
    "jets on a fine grid with heights": (winds.jets, FINE, 1.0),
    "rough": (winds.rough, COARSE, None),
    "rough with heights": (winds.rough, COARSE, 1.0),
    "rough with whole heights": (winds.rough, COARSE, 2.0),
    "rough with heights, levels upward": (winds.rough, UPWARD, 1.0),
    "rough on a fine grid": (winds.rough, FINE, None),
    "rough on a fine grid with heights": (winds.rough, FINE, 1.0),
}


@cache
def ridges() -> NDArray[np.int16]:
    return winds.terrain(900, 1800)


@cache
def data(make: Make, grid: Grid) -> NDArray[np.float16]:
    return make(grid)


def made(folder: Path, name: str) -> World:
    """Return one of the atmospheres above, over ridges."""
    make, grid, step = ATMOSPHERES[name]
    heights: NDArray[Any] | None = None
    if step == 1.0:
        heights = winds.heights(grid)
    elif step is not None:
        heights = np.rint(winds.heights(grid) / step).astype(np.int16)
    return world(folder, data(make, grid), grid, heights, step or 1.0, ridges())


@pytest.mark.parametrize("name", ATMOSPHERES)
def test_landings_over_ridges_are_the_exact_ones(tmp_path: Path, name: str) -> None:
    there = made(tmp_path, name)
    there.check(*launches(len(name), 3, there.ground))


@pytest.mark.parametrize("name", ["rough", "rough on a fine grid with heights"])
@pytest.mark.parametrize("south", [False, True])
def test_landings_near_the_poles_are_the_exact_ones(tmp_path: Path, name: str, south: bool) -> None:
    there = made(tmp_path, name)
    lats = (-90.0, -86.0) if south else (86.0, 90.0)
    there.check(*launches(3, 2, there.ground, lats))


@pytest.mark.parametrize("lon", [-180.0, -179.99, -0.01, 0.0, 0.01, 179.99, 180.0])
def test_landings_by_the_date_line_and_greenwich_are_the_exact_ones(tmp_path: Path, lon: float) -> None:
    there = made(tmp_path, "rough with heights")
    there.check(plan(lat=-18.0, lon=lon, alt=4000.0, burst=20e3))


def test_a_long_float_among_moving_levels_ends_at_the_exact_place(tmp_path: Path) -> None:
    there = made(tmp_path, "rough on a fine grid with heights")
    level = exact.GEOPOTENTIAL_RADIUS  # a float where the 70 hPa level lies: it passes the balloon to and fro
    height = float(winds.heights(FINE)[45, 10, 7, 0])
    there.check(plan(lat=45.0, lon=10.5, alt=2e3, burst=level * height / (level - height), coast=9 * 3600.0))


def test_a_parachute_from_the_top_falls_through_every_layer_of_air(tmp_path: Path) -> None:
    there = made(tmp_path, "rough with heights")
    there.check(plan(lat=20.0, lon=50.0, burst=49_999.0, ascent=8.0, parachute=True))


@pytest.mark.parametrize("rows, columns", [(2, 2), (2, 9), (4, 2), (3, 4), (10, 40)])
def test_any_regular_grid_will_do(tmp_path: Path, rows: int, columns: int) -> None:
    grid = Grid(rows, columns, 2, (10.0, 500.0, 900.0))
    there = world(tmp_path, winds.jets(grid), grid)
    there.check(plan(lat=33.0, lon=-77.0), plan(lat=-60.0, lon=179.9, burst=20e3, parachute=True))


def test_levels_as_thin_as_metres_are_flown_through(tmp_path: Path) -> None:
    levels = (300.0, 500.0, 500.1, 500.2, 900.0, 900.01, 1000.0)  # 500.1 hPa is 1.5 m under 500 hPa
    grid = Grid(19, 37, 2, levels)
    there = world(tmp_path, winds.rough(grid), grid)
    there.check(
        plan(lat=40.0, burst=6.5e3, ascent=1.0, descent=1.2), plan(lat=40.0, ascent=19.0, descent=19.0)
    )


# Bits.


def bits(end: trajectory.Flown) -> list[bytes]:
    return [column.tobytes() for column in (end.status, end.time, end.lat, end.lon, end.alt)]


def test_many_flights_at_once_are_the_flights_one_by_one(tmp_path: Path) -> None:
    there = made(tmp_path, "rough with heights")
    rows = np.concatenate([each.columns() for each in launches(5, 50, there.ground)])
    together = trajectory.fly(there.wind, there.ground, rows, True)
    alone = [trajectory.fly(there.wind, there.ground, row[None], True) for row in rows]
    assert bits(together) == [b"".join(parts) for parts in zip(*map(bits, alone), strict=True)]


def test_threads_do_not_disturb_one_another(tmp_path: Path) -> None:
    there = made(tmp_path, "rough")
    rows = np.concatenate([each.columns() for each in launches(6, 100, there.ground)])

    def fly(_: int) -> list[bytes]:
        return bits(trajectory.fly(there.wind, there.ground, rows, False))

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(fly, range(40)))
    assert all(result == results[0] for result in results)


# Anything that may be asked.

WEEK = Grid(19, 37, 29, (2.0, 20.0, 100.0, 250.0, 500.0, 900.0))


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("week")
    return world(folder, winds.rough(WEEK), WEEK, winds.heights(WEEK), cells=winds.terrain())


plans = st.fixed_dictionaries(
    {
        "time": st.floats(START, START + 4 * 86_400.0),
        "lat": st.floats(-90.0, 90.0),
        "lon": st.floats(-180.0, 180.0),
        "alt": st.floats(0.0, 20e3),
        "burst": st.floats(20e3, 50e3, exclude_max=True),
        "coast": st.floats(0.0, 48 * 3600.0),
        "ascent": st.floats(0.1, 20.0),
        "descent": st.floats(0.1, 20.0),
        "coeff": st.floats(0.5, 1.5),
        "parachute": st.booleans(),
    }
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(changes=plans)
@example(changes={"lat": 90.0, "lon": 180.0, "alt": 0.0, "burst": 0.0})
@example(changes={"lat": -90.0, "lon": -180.0, "burst": 49_999.999, "ascent": 20.0, "descent": 20.0})
@example(changes={"lat": 90.0, "coast": 48 * 3600.0, "parachute": True, "descent": 0.1})
@example(changes={"lat": 5e-324, "lon": -5e-324, "alt": 5e-324, "burst": 1e-300, "coast": 5e-324})
def test_any_plan_lands_or_is_refused_by_name(week: World, changes: dict[str, Any]) -> None:
    try:
        asked = plan(**changes)
        flight = asked.raised(float(week.ground.at(asked.lat, asked.lon)))
        end = flown(week.wind, flight, week.ground)
    except InvalidRequestError:
        return
    assert end.status.tolist() == [kernel.LANDED]
    lat, lon, alt, time = (float(column[0]) for column in (end.lat, end.lon, end.alt, end.time))
    assert -90.0 <= lat <= 90.0
    assert -180.0 <= lon < 180.0
    assert flight.time <= time <= week.wind.end + 1e-6
    under = float(week.ground.at(lat, lon))
    # Slopes are up to 5 km in a cell of 111 km: a millimetre of ground for each centimetre of the position.
    assert alt == pytest.approx(under, abs=1e-3) or (alt == flight.burst and alt <= under)
    phases = points.paths([end])[0]
    assert phases[2].shape[0] >= 1
    for phase, direction in zip(phases, (1.0, 0.0, -1.0), strict=True):
        assert np.isfinite(phase).all()
        assert np.all(np.diff(phase[:, points.TIME]) >= 0.0)
        climb = direction * np.diff(phase[:, points.ALT])
        assert np.all(climb >= -1e-9 if direction else abs(climb) <= 1e-9)  # rounding of 50 km
        assert np.all((phase[:, points.LON] >= -180.0) & (phase[:, points.LON] < 180.0))
        assert np.all(np.abs(phase[:, points.LAT]) <= 90.0)
