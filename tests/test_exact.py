"""The reference integrator against closed forms.

It solves to micrometres, so where a closed form is exact on the grid the tolerance is 1 mm, and the same in
degrees (1e-8) or, at some m/s, in seconds (1e-4).
"""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid, quad
from scipy.optimize import brentq

from tests import winds
from tests.exact import GEOPOTENTIAL_RADIUS, RADIUS, Field, Flight, Plan, Point, fly, ground
from tests.standard import layer_at, standard_heights
from tests.winds import INTERVAL, START, Grid

GRID = Grid()  # 5 degrees, 12 hours
DEGREES = 1e-8
SECONDS = 1e-4


def sea(lat: float, lon: float) -> float:
    return 0.0


def flown(data: NDArray[Any], grid: Grid = GRID, heights: NDArray[Any] | None = None, **plan: Any) -> Flight:
    """Fly over the sea from 0 N 0 E to 30 km, unless `plan` says otherwise."""
    field = Field(data, np.array(grid.levels_hpa), START, INTERVAL, heights)
    return fly(field, Plan(**{"time": START, "lat": 0.0, "lon": 0.0, "alt": 0.0, "burst": 30e3} | plan), sea)


def turned(alt: float, burst: float, coast: float, ascent: float, descent: float) -> float:
    """Return the degrees of a great circle that 1 m/s gives a flight: the integral of dt / (R + z)."""
    rise, fall = math.log((RADIUS + burst) / (RADIUS + alt)), math.log((RADIUS + burst) / RADIUS)
    return math.degrees(rise / ascent + coast / (RADIUS + burst) + fall / descent)


def apart(one: Point, other: tuple[float, float]) -> float:
    """Return the metres at sea level between a point and a latitude and longitude."""
    (a, b), (c, d) = np.radians(one[:2]), np.radians(other)
    half = math.sin((a - c) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((b - d) / 2) ** 2
    return 2.0 * RADIUS * math.asin(math.sqrt(half))


def test_a_balloon_in_still_air_lands_where_it_was_launched() -> None:
    flight = flown(
        winds.still(GRID),
        lat=37.3,
        lon=-121.8,
        alt=24.0,
        coast=600.0,
        ascent=4.0,
        descent=8.0,
        time=START + 9.0,
    )
    top = START + 9.0 + (30e3 - 24.0) / 4.0
    for point in flight:
        assert point[:2] == pytest.approx((37.3, -121.8), abs=DEGREES, rel=0.0)
    assert [point.alt for point in flight] == pytest.approx([30e3, 30e3, 0.0], abs=1e-3, rel=0.0)
    times = [top, top + 600.0, top + 600.0 + 30e3 / 8.0]
    assert [point.time for point in flight] == pytest.approx(times, abs=SECONDS, rel=0.0)


def test_a_solid_atmosphere_carries_a_balloon_along_its_parallel() -> None:
    data = winds.solid_body(GRID, 25.0)
    flight = flown(data, lat=40.0, lon=3.0, alt=100.0, coast=7200.0, ascent=4.0, descent=6.0)
    stored = float(data[10, 0, 0, 0, 0])  # row 10 is 40 N
    around = stored / math.cos(math.radians(40.0)) * turned(100.0, 30e3, 7200.0, 4.0, 6.0)
    assert flight.landing[:2] == pytest.approx((40.0, 3.0 + around), abs=DEGREES, rel=0.0)


@pytest.mark.parametrize(("v", "coeff"), [(60.0, 1.0), (-60.0, 1.0), (40.0, 1.5)])
def test_a_meridional_wind_carries_a_balloon_along_its_meridian(v: float, coeff: float) -> None:
    flight = flown(winds.uniform(GRID, 0.0, v), lat=-2.0, lon=77.0, coeff=coeff, coast=3600.0)
    along = v * coeff * turned(0.0, 30e3, 3600.0, 5.0, 5.0)
    assert flight.landing[:2] == pytest.approx((-2.0 + along, 77.0), abs=DEGREES, rel=0.0)


@pytest.mark.parametrize(
    ("lon", "u"), [(179.9, 30.0), (-179.9, -30.0), (-0.1, 30.0), (0.1, -30.0), (-180.0, 1.0)]
)
def test_the_date_line_and_greenwich_are_like_any_meridian(lon: float, u: float) -> None:
    around = u * turned(0.0, 30e3, 0.0, 5.0, 5.0)
    expected = (lon + around + 180.0) % 360.0 - 180.0
    landing = flown(winds.uniform(GRID, u, 0.0), lon=lon).landing
    assert landing[:2] == pytest.approx((0.0, expected), abs=DEGREES, rel=0.0)


@pytest.mark.parametrize("south", [False, True])
def test_a_balloon_crosses_a_pole_onto_the_opposite_meridian(south: bool) -> None:
    # About an axis through 0 N 60 W, the great circle of 30 E (a column of the grid) runs northward.
    data = winds.solid_body(GRID, -10.0 if south else 10.0, 0.0, -60.0)
    landing = flown(data, lat=-89.5 if south else 89.5, lon=30.0).landing
    beyond = 10.0 * turned(0.0, 30e3, 0.0, 5.0, 5.0) - 0.5
    assert apart(landing, (beyond - 90.0 if south else 90.0 - beyond, -150.0)) < 1e-3


@pytest.mark.parametrize("miss", [1.0, 300.0, 20e3])
def test_a_balloon_that_misses_the_pole_goes_straight_on(miss: float) -> None:
    grid = Grid(181, 361, 2, (500.0,))
    data = winds.solid_body(grid, 10.0, 0.0, -60.0)
    side, before, beyond = math.degrees(miss / RADIUS), 0.5, 10.0 * turned(0.0, 30e3, 0.0, 5.0, 5.0) - 0.5
    launch = 90.0 - math.hypot(before, side), 30.0 + math.degrees(math.atan2(side, before))
    expected = 90.0 - math.hypot(beyond, side), 210.0 - math.degrees(math.atan2(side, beyond))
    landing = flown(data, grid, lat=launch[0], lon=launch[1]).landing
    # Float16 holds 10 m/s to 0.004 m/s, that is 48 m in 12 000 s; chords of 1 degree and the plane add 10 m.
    assert apart(landing, expected) < 60.0


def test_still_air_at_a_pole_keeps_the_longitude_given() -> None:
    landing = flown(winds.still(GRID), lat=90.0, lon=47.0).landing
    assert landing[:2] == pytest.approx((90.0, 47.0), abs=DEGREES, rel=0.0)


@pytest.mark.parametrize("order", [1, -1])
def test_wind_is_linear_between_level_heights_and_constant_beyond_them(order: int) -> None:
    grid = Grid(levels_hpa=(100.0, 500.0)[::order])
    heights = np.broadcast_to(np.array([10e3, 5e3])[::order, None], grid.shape)
    data = winds.uniform(grid, 0.0, 5.0)
    data[:, :, grid.levels_hpa.index(100.0), :, 1] = 10.0

    def drift(alt: float) -> float:
        """Return the integral of H / (R + z) dz from the sea up, by partial fractions."""
        mean, other = (radius * math.log1p(alt / radius) for radius in (RADIUS, GEOPOTENTIAL_RADIUS))
        return GEOPOTENTIAL_RADIUS * (mean - other) / (RADIUS - GEOPOTENTIAL_RADIUS)

    low, high = (GEOPOTENTIAL_RADIUS * h / (GEOPOTENTIAL_RADIUS - h) for h in (5e3, 10e3))
    below, above = math.log((RADIUS + low) / RADIUS), math.log((RADIUS + 30e3) / (RADIUS + high))
    way = 5.0 * below + (drift(high) - drift(low)) / 1000.0 + 10.0 * above
    flight = flown(data, grid, heights, ascent=4.0)
    assert flight.burst.lat == pytest.approx(math.degrees(way / 4.0), abs=DEGREES, rel=0.0)


def test_wind_is_linear_in_time() -> None:
    data = winds.still(GRID)
    data[:, :, :, 1, 1], data[:, :, :, 2, 1] = 32.0, 16.0
    flight = flown(data, alt=10e3, burst=10e3, coast=1.5 * INTERVAL)
    mean_first, mean_second = 16.0, 28.0  # over the first slice and over half of the second
    way = (mean_first + mean_second / 2.0) * INTERVAL / (RADIUS + 10e3)
    assert flight.coast_end.lat == pytest.approx(math.degrees(way), abs=DEGREES, rel=0.0)


@pytest.mark.parametrize("northward", [False, True])
def test_wind_is_linear_across_each_cell(northward: bool) -> None:
    data = winds.still(GRID)
    for index, speed in enumerate([80.0, 100.0, 200.0]):  # at 0, 5 and 10 degrees
        if northward:
            data[18 - index, ..., 1] = speed
        else:
            data[:, index, ..., 0] = speed
    # Where speed grows by dv over a way w, crossing takes w / dv * ln(v1 / v0).
    way = math.radians(5.0) * (RADIUS + 9e3)
    crossing = way / 20.0 * math.log(100.0 / 80.0) + way / 100.0 * math.log(200.0 / 100.0)
    end = flown(data, alt=9e3, burst=9e3, coast=crossing).coast_end
    assert end[:2] == pytest.approx((10.0, 0.0) if northward else (0.0, 10.0), abs=DEGREES, rel=0.0)


def test_sloping_levels_pass_a_floating_balloon() -> None:
    grid = Grid(levels_hpa=(500.0, 300.0))
    lowest = 5000.0 + 400.0 * np.degrees(grid.lat)
    heights = np.broadcast_to(lowest + np.array([[0.0], [4000.0]]), grid.shape)
    data = winds.uniform(grid, 0.0, 100.0)
    data[:, :, 1, :, 0] = 40.0
    height = GEOPOTENTIAL_RADIUS * 10e3 / (GEOPOTENTIAL_RADIUS + 10e3)

    def zonal(lat: float) -> float:
        share = (height - 5000.0 - 400.0 * math.degrees(lat)) / 4000.0
        return 40.0 * min(max(share, 0.0), 1.0) / math.cos(lat)

    end = flown(data, grid, heights, alt=10e3, burst=10e3, coast=16_000.0).coast_end
    lat = 100.0 * 16_000.0 / (RADIUS + 10e3)
    kinks = [math.radians((height - edge) / 400.0) for edge in (9000.0, 5000.0)]
    assert kinks[1] < lat
    lon = quad(zonal, 0.0, lat, points=kinks, epsabs=1e-13)[0] / 100.0
    assert end[:2] == pytest.approx((math.degrees(lat), math.degrees(lon)), abs=DEGREES, rel=0.0)


def test_a_parachute_takes_the_time_of_a_fine_quadrature() -> None:
    alt = np.linspace(0.0, 45e3, 90_001)
    height = GEOPOTENTIAL_RADIUS * alt / (GEOPOTENTIAL_RADIUS + alt)
    warm = np.interp(height, [0.0, 11e3, 20e3, 32e3, 47e3], [288.15, 216.65, 216.65, 228.65, 270.65])
    # The hydrostatic equation, not its solution by layers.
    thinning = cumulative_trapezoid(9.80665 / (287.05287 * warm), height, initial=0.0)
    density = 101_325.0 * np.exp(-thinning) / (287.05287 * warm)
    expected = np.trapezoid(np.sqrt(density / 1.225) / 6.0, alt)
    flight = flown(winds.jets(GRID), burst=45e3, descent=6.0, drag=True)
    # Half a metre apart, the trapezes are good to some 1e-9.
    assert flight.landing.time - flight.coast_end.time == pytest.approx(expected, abs=SECONDS, rel=0.0)


# Geopotential height (m), pressure (hPa), density (kg/m3): U.S. Standard Atmosphere, 1976, five figures.
STANDARD = [
    (0.0, 1013.25, 1.2250),
    (5000.0, 540.20, 0.73612),
    (11e3, 226.32, 0.36392),
    (20e3, 54.749, 0.088035),
    (32e3, 8.6802, 0.013225),
    (47e3, 1.1091, 0.0014275),
    (51e3, 0.66939, 0.00086160),
]


@pytest.mark.parametrize(("height", "pressure_hpa", "density"), STANDARD)
def test_the_standard_atmosphere_is_the_published_one(
    height: float, pressure_hpa: float, density: float
) -> None:
    # Half a unit of the fifth figure is at most 5e-5 of a number.
    assert layer_at(height).pressure_at(height) == pytest.approx(100.0 * pressure_hpa, rel=5e-5)
    assert layer_at(height).density_at(height) == pytest.approx(density, rel=5e-5)
    # A scale height is at most 8.5 km: 5e-5 of the pressure is 0.43 m.
    assert standard_heights([pressure_hpa]) == pytest.approx([height], abs=0.43)


def test_a_balloon_lands_on_the_first_slope_it_meets() -> None:
    def ridge(lat: float, lon: float) -> float:
        return max(0.0, 2500.0 * (1.0 - abs(lat - 0.03) / 0.005))

    field = Field(winds.uniform(GRID, 0.0, 20.0), np.array(GRID.levels_hpa), START, INTERVAL)
    flight = fly(field, Plan(START, 0.0, 0.0, 3000.0, 3000.0), ridge)

    def lat(alt: float) -> float:
        return math.degrees(20.0 / 5.0 * math.log((RADIUS + 3000.0) / (RADIUS + alt)))

    alt = float(brentq(lambda alt: alt - ridge(lat(alt), 0.0), 2170.0, 2900.0))
    assert flight.landing.lat == pytest.approx(lat(alt), abs=DEGREES, rel=0.0)
    assert flight.landing.alt == pytest.approx(alt, abs=1e-3, rel=0.0)
    assert flight.landing.time == pytest.approx(START + (3000.0 - alt) / 5.0, abs=SECONDS, rel=0.0)


def test_a_descent_that_starts_below_the_ground_is_over_at_once() -> None:
    field = Field(winds.jets(GRID), np.array(GRID.levels_hpa), START, INTERVAL)
    flight = fly(field, Plan(START, 28.0, 85.0, 100.0, 2000.0, coast=600.0), lambda lat, lon: 5000.0)
    assert flight.landing == flight.coast_end


@pytest.mark.parametrize(("time", "coast"), [(START - 1.0, 0.0), (START, 2.0 * INTERVAL)])
def test_a_flight_outside_the_forecast_is_refused(time: float, coast: float) -> None:
    with pytest.raises(ValueError, match="outside the forecast"):
        flown(winds.still(GRID), time=time, coast=coast)


def test_a_flight_may_end_with_the_forecast() -> None:
    rise, fall = 30e3 / 5.0, 30e3 / 5.0
    flight = flown(winds.still(GRID), coast=2.0 * INTERVAL - rise - fall)
    assert flight.landing.time == pytest.approx(START + 2.0 * INTERVAL, abs=SECONDS, rel=0.0)


def test_the_ground_is_bilinear_between_the_centres_of_cells() -> None:
    cells = np.zeros((180, 360), np.int16)
    cells[0, 0], cells[1, 0], cells[0, 359], cells[100, 7] = 400, 200, 100, -50
    altitude = ground(cells)
    assert altitude(89.5, -179.5) == pytest.approx(400.0)
    assert altitude(89.0, -179.5) == pytest.approx(300.0)
    assert altitude(89.5, 180.0) == altitude(89.5, -180.0) == pytest.approx(250.0)
    assert altitude(90.0, -179.5) == pytest.approx(400.0)
    assert altitude(-10.5, -172.5) == 0.0


def test_the_ground_reaches_up_from_the_south_pole() -> None:
    cells = np.zeros((174, 360), np.int16)  # to 84 N
    cells[0], cells[-1] = 70, 30
    assert ground(cells)(83.5, 12.0) == ground(cells)(89.0, 12.0) == pytest.approx(70.0)
    assert ground(cells)(-89.5, 12.0) == pytest.approx(30.0)


def test_made_up_fields_are_such_as_members_hold() -> None:
    grid = Grid(91, 181, 2)
    gusts = (winds.rough(grid).astype(float) - winds.jets(grid))[15:76]  # where they do not fade
    assert gusts.std() == pytest.approx(4.5, rel=0.1)
    for values in (winds.rough(grid), winds.jets(grid), winds.heights(grid)):
        assert np.array_equal(values[:, 0], values[:, -1])
    assert np.all(np.diff(winds.heights(grid), axis=2) < -100.0)  # levels come from the top down
    turned_over = Grid(91, 181, 2, grid.levels_hpa[::-1])
    assert np.array_equal(winds.rough(turned_over)[:, :, ::-1], winds.rough(grid))
    assert winds.terrain().min() < 0 < 5000 < winds.terrain().max() < 9000
