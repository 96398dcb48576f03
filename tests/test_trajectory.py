"""Paths: their phases, the spacing and the exactness of their points, and what is said of failed flights."""

from pathlib import Path

import numpy as np
import pytest

from habsim.arrays import Floats
from habsim.errors import BadFileError, OutsideForecastError
from habsim.flight import FlightPlan
from habsim.points import ALT, LAT, LON, POINTS, TIME, paths, rounded
from habsim.trajectory import fly
from tests import exact, winds
from tests.members import SEA, elevation, exact_plan, flown, metres, plan, wind
from tests.winds import INTERVAL, START, Grid
from windfile import WindFile

GRID = Grid(times=5)  # 5 degrees, a day


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> WindFile:
    return wind(tmp_path_factory.mktemp("rough"), winds.rough(GRID), GRID, winds.heights(GRID))


def phases(opened: WindFile, flight: FlightPlan) -> list[Floats]:
    return paths([flown(opened, flight)])[0]


SHORT = plan(lat=44.0, coast=1800.0)
LONG = plan(lat=44.0, coast=8 * 3600.0)
DRAG = plan(lat=44.0, coast=600.0, burst=44e3, descent=7.0, parachute=True)
SOUTH = plan(lat=-89.9, lon=180.0, coast=3600.0)
EAST = plan(lat=10.0, lon=-180.0, coast=3600.0, coeff=1.5)


@pytest.mark.parametrize("flight", [SHORT, LONG, DRAG, SOUTH, EAST])
def test_a_flight_has_three_phases_that_share_their_joining_points(
    rough: WindFile, flight: FlightPlan
) -> None:
    ascent, coast, descent = phases(rough, flight)
    np.testing.assert_array_equal(ascent[-1], coast[0])
    np.testing.assert_array_equal(coast[-1], descent[0])


def test_phase_ends_are_exact(rough: WindFile) -> None:
    ascent, coast, descent = phases(rough, SHORT)
    top = START + 30e3 / 5.0
    assert ascent[0].tolist() == [44.0, 0.0, 0.0, START]
    assert ascent[-1, ALT] == coast[-1, ALT] == 30e3
    # Unix times are multiples of 2.4e-7 s in double precision, and a phase adds up some 30 steps.
    assert ascent[-1, TIME] == pytest.approx(top, abs=1e-5, rel=0.0)
    assert coast[-1, TIME] == pytest.approx(top + 1800.0, abs=1e-5, rel=0.0)
    end = flown(rough, SHORT)
    assert descent[-1].tolist() == [end.lat[0], end.lon[0], end.alt[0], end.time[0]]
    assert descent[-1, ALT] == 0.0


@pytest.mark.parametrize("flight", [SHORT, DRAG, SOUTH, EAST, plan(coast=9500.0)])
def test_points_of_a_short_flight_are_at_most_a_minute_apart(rough: WindFile, flight: FlightPlan) -> None:
    for phase in phases(rough, flight):
        assert np.diff(phase[:, TIME]).max() <= 60.0 + 1e-6


@pytest.mark.parametrize("coast", [9601.0, 8 * 3600.0])
def test_a_long_flight_has_some_four_hundred_points_evenly_spaced(rough: WindFile, coast: float) -> None:
    """12 000 s up and down: with 9600 s of float it is 6 h long."""
    parts = phases(rough, plan(coast=coast))
    assert POINTS <= sum(map(len, parts)) - 2 <= POINTS + 4
    spacing = (12_000.0 + coast) / POINTS
    for phase in parts:
        gaps = np.diff(phase[:, TIME])
        assert gaps.max() <= spacing + 1e-6
        assert gaps.min() == pytest.approx(gaps.max(), abs=1e-5)


def test_points_lie_on_the_exact_path(rough: WindFile) -> None:
    """A point on the way is where a flight to that altitude, of that float, or onto ground so high, ends."""
    field = exact.Field(winds.rough(GRID), np.array(GRID.levels_hpa), START, INTERVAL, winds.heights(GRID))
    ascent, coast, descent = phases(rough, SHORT)
    whole = exact_plan(SHORT)

    def expected(point: Floats, part: int) -> exact.Point:
        alt, elapsed = float(point[ALT]), float(point[TIME] - coast[0, TIME])
        if part == 0:
            lower = exact.Plan(START, 44.0, 0.0, 0.0, alt)
            return exact.fly(field, lower, lambda lat, lon: 9e4).burst
        if part == 1:
            shorter = exact.Plan(START, 44.0, 0.0, 0.0, 30e3, elapsed)
            return exact.fly(field, shorter, lambda lat, lon: 9e4).coast_end
        return exact.fly(field, whole, lambda lat, lon: alt).landing

    checked = [(ascent, 0, 7), (ascent, 0, 60), (ascent, 0, 93), (coast, 1, 13), (descent, 2, 85)]
    for phase, part, number in checked:
        point = phase[number]
        there = expected(point, part)
        assert metres(exact.Point(*point.tolist()), there) < 1.0  # a cubic over steps of up to 8 minutes
        assert point[TIME] == pytest.approx(there.time, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "lengths"),
    [
        ({}, (101, 0, 101)),
        ({"alt": 30e3}, (0, 0, 101)),
        ({"alt": 30e3, "coast": 3600.0}, (0, 61, 101)),
        ({"alt": 30e3, "burst": 30e3, "descent": 20.0}, (0, 0, 26)),
        ({"alt": 0.0, "burst": 0.0}, (0, 0, 1)),
        ({"alt": 0.0, "burst": 0.0, "coast": 600.0}, (0, 11, 1)),
    ],
)
def test_a_phase_of_no_duration_is_empty_but_no_flight_is(
    rough: WindFile, changes: dict[str, float], lengths: tuple[int, ...]
) -> None:
    parts = phases(rough, plan(**changes))
    assert tuple(map(len, parts)) == lengths
    assert all(part.shape[1] == 4 for part in parts)


def test_a_flight_on_the_ground_is_its_launch(rough: WindFile) -> None:
    grounded = fly(rough, elevation(np.full((2, 4), 700)), plan(alt=700.0, burst=700.0).columns(), False)
    ascent, coast, descent = paths([grounded])[0]
    assert (len(ascent), len(coast)) == (0, 0)
    assert descent.tolist() == [[0.0, 0.0, 700.0, START]]


@pytest.mark.parametrize("flight", [SHORT, LONG, DRAG, EAST])
def test_time_runs_and_altitude_rises_stays_and_falls(rough: WindFile, flight: FlightPlan) -> None:
    ascent, coast, descent = phases(rough, flight)
    for phase in (ascent, coast, descent):
        assert np.all(np.diff(phase[:, TIME]) > 0.0)
    assert np.all(np.diff(ascent[:, ALT]) > 0.0)
    assert np.ptp(coast[:, ALT]) < 1e-6
    assert np.all(np.diff(descent[:, ALT]) < 0.0)


def test_a_path_over_the_date_line_is_wrapped_point_by_point(tmp_path: Path) -> None:
    eastward = wind(tmp_path, winds.uniform(GRID, 30.0, 0.0), GRID)
    ascent, _, descent = phases(eastward, plan(lon=179.5))
    lon = np.concatenate([ascent, descent])[:, LON]
    assert lon.max() < 180.0
    assert lon.min() >= -180.0
    assert lon[0] == 179.5
    assert np.all(np.diff(np.unwrap(lon, period=360.0)) >= 0.0)


def test_over_a_pole_a_path_goes_on_along_its_great_circle(tmp_path: Path) -> None:
    """About an axis through 0 N 60 W, northward along 30 E and, past the pole, down 150 W."""
    turning = wind(tmp_path, winds.solid_body(GRID, 10.0, 0.0, -60.0), GRID)
    ascent, _, descent = phases(turning, plan(lat=89.5, lon=30.0))
    points = np.concatenate([ascent, descent[1:]])
    beyond = np.flatnonzero(np.abs(points[:, LON] + 150.0) < 1e-3)
    before = np.flatnonzero(np.abs(points[:, LON] - 30.0) < 1e-3)
    assert len(before) + len(beyond) == len(points)
    assert before.max() < beyond.min()
    assert np.all(np.diff(points[before, LAT]) > 0.0)
    assert np.all(np.diff(points[beyond, LAT]) < 0.0)


def test_points_are_given_out_in_round_numbers() -> None:
    points = np.array([[37.35530049, -121.87629951, 24.04, 1767225600.004], [90.0, 179.9999996, 0.05, 7.0]])
    expected = [[37.3553, -121.8763, 24.0, 1767225600.0], [90.0, -180.0, 0.0, 7.0]]
    assert rounded(points).tolist() == expected


@pytest.mark.parametrize("delay", [-1.0, 4 * INTERVAL + 1.0])
def test_a_launch_outside_the_forecast_is_refused_with_its_span(rough: WindFile, delay: float) -> None:
    span = r"timestamp 1767225600 to 1767312000 \(2026-01-01T00:00Z to 2026-01-02T00:00Z\)"
    with pytest.raises(OutsideForecastError, match=span):
        flown(rough, plan(time=START + delay))


def test_any_flight_of_many_that_leaves_the_forecast_counts(rough: WindFile) -> None:
    rows = np.concatenate([plan().columns(), plan(coast=86_400.0).columns()])
    assert fly(rough, SEA, rows[:1], False).status.tolist() == [0]
    with pytest.raises(OutsideForecastError):
        fly(rough, SEA, rows, False)


def test_damage_is_told_before_the_span(tmp_path: Path) -> None:
    data = winds.still(GRID)
    data[:, :, 5] = np.inf
    damaged = wind(tmp_path, data, GRID)
    rows = np.concatenate([plan(burst=100.0, coast=86_400.0).columns(), plan(lat=5.0, lon=-60.0).columns()])
    with pytest.raises(BadFileError, match=r"member\.npz .* near 5\.00, -60\.00"):
        fly(damaged, SEA, rows, False)


def test_flying_leaves_the_plans_as_they_were(rough: WindFile) -> None:
    rows = SHORT.columns()
    before = rows.copy()
    fly(rough, SEA, rows, False)
    np.testing.assert_array_equal(rows, before)


def test_a_track_longer_than_the_room_for_it_is_whole(tmp_path: Path) -> None:
    """A float of two days at 85 m/s round the Arctic crosses a face of the grid every few minutes."""
    grid = Grid(181, 361, 11, (100.0, 900.0))
    around = wind(tmp_path, winds.uniform(grid, 85.0, 0.0), grid)
    end = flown(around, plan(lat=80.0, burst=15e3, coast=48 * 3600.0))
    assert len(end.track) > 512
    ascent, coast, descent = paths([end])[0]
    assert coast[-1, TIME] == pytest.approx(START + 3000.0 + 48 * 3600.0, abs=1e-4)
    assert descent[-1].tolist() == [end.lat[0], end.lon[0], end.alt[0], end.time[0]]
    assert POINTS <= len(ascent) + len(coast) + len(descent) - 2 <= POINTS + 4


def test_without_a_track_landings_are_the_same(rough: WindFile) -> None:
    rows = np.concatenate([SHORT.columns(), LONG.columns()])
    bare = fly(rough, SEA, rows, False, tracked=False)
    full = fly(rough, SEA, rows, False)
    assert len(bare.track) == 0
    for one, other in zip((bare.time, bare.lat, bare.lon), (full.time, full.lat, full.lon), strict=True):
        np.testing.assert_array_equal(one, other)
