"""The compiled integrator where closed forms say how a flight ends, and at the ends of the forecast.

In one wind everywhere every step is exact but for the curvature of the Earth.
"""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from habsim import kernel
from habsim.earth import wrap
from habsim.errors import OutsideForecastError
from tests import exact, winds
from tests.exact import RADIUS
from tests.members import SEA, elevation, flown, landing, metres, plan, wind
from tests.standard import layer_at
from tests.winds import START, Grid
from tests.worlds import COARSE

DEGREES = 1e-8  # 1 mm
INSTANT = 1e-5  # s: what a Unix time in double precision and a thousand sums leave


def turned(alt: float, burst: float, coast: float, ascent: float, descent: float) -> float:
    """Return the degrees of a great circle that 1 m/s gives a flight: the integral of dt / (R + z)."""
    rise, fall = math.log((RADIUS + burst) / (RADIUS + alt)), math.log((RADIUS + burst) / RADIUS)
    return math.degrees(rise / ascent + coast / (RADIUS + burst) + fall / descent)


def test_a_balloon_in_still_air_lands_where_it_was_launched(tmp_path: Path) -> None:
    still = wind(tmp_path, winds.still(COARSE), COARSE)
    flight = plan(time=START + 9.0, lat=37.3, lon=-121.8, alt=24.0, coast=600.0, ascent=4.0, descent=8.0)
    end = landing(still, flight)
    assert end[:3] == pytest.approx((37.3, -121.8, 0.0), abs=DEGREES)
    assert end.time == pytest.approx(flight.time + 29_976.0 / 4.0 + 600.0 + 30e3 / 8.0, abs=INSTANT)


def test_a_solid_atmosphere_carries_a_balloon_along_its_parallel(tmp_path: Path) -> None:
    data = winds.solid_body(COARSE, 25.0)
    end = landing(wind(tmp_path, data, COARSE), plan(lat=40.0, lon=3.0, alt=100.0, coast=7200.0))
    stored = float(data[10, 0, 0, 0, 0])  # row 10 is 40 N
    around = stored / math.cos(math.radians(40.0)) * turned(100.0, 30e3, 7200.0, 5.0, 5.0)
    assert end[:2] == pytest.approx((40.0, 3.0 + around), abs=DEGREES)


@pytest.mark.parametrize(("v", "coeff"), [(60.0, 1.0), (-60.0, 1.0), (40.0, 1.5), (40.0, 0.5)])
def test_a_meridional_wind_carries_a_balloon_along_its_meridian(
    tmp_path: Path, v: float, coeff: float
) -> None:
    end = landing(
        wind(tmp_path, winds.uniform(COARSE, 0.0, v), COARSE), plan(lat=-2.0, lon=77.0, coeff=coeff)
    )
    assert end[:2] == pytest.approx((-2.0 + v * coeff * turned(0.0, 30e3, 0.0, 5.0, 5.0), 77.0), abs=DEGREES)


@pytest.mark.parametrize(
    ("lon", "u"), [(179.9, 30.0), (-179.9, -30.0), (-0.1, 30.0), (0.1, -30.0), (180.0, 0.0), (-180.0, 0.0)]
)
def test_the_date_line_and_greenwich_are_like_any_meridian(tmp_path: Path, lon: float, u: float) -> None:
    end = landing(wind(tmp_path, winds.uniform(COARSE, u, 0.0), COARSE), plan(lon=lon))
    assert end.lat == pytest.approx(0.0, abs=DEGREES)
    assert end.lon == pytest.approx(float(wrap(lon + u * turned(0.0, 30e3, 0.0, 5.0, 5.0))), abs=DEGREES)
    assert -180.0 <= end.lon < 180.0


@pytest.mark.parametrize("south", [False, True])
def test_a_balloon_crosses_a_pole_onto_the_opposite_meridian(tmp_path: Path, south: bool) -> None:
    # About an axis through 0 N 60 W, the great circle of 30 E (a column of the grid) runs northward.
    data = winds.solid_body(COARSE, -10.0 if south else 10.0, 0.0, -60.0)
    end = landing(wind(tmp_path, data, COARSE), plan(lat=-89.5 if south else 89.5, lon=30.0))
    beyond = 10.0 * turned(0.0, 30e3, 0.0, 5.0, 5.0) - 0.5
    lat = beyond - 90.0 if south else 90.0 - beyond
    # A step that has the pole inside takes winds from both sides of it: millimetres.
    assert metres(end, exact.Point(lat, -150.0, 0.0, 0.0)) < 0.01


@pytest.mark.parametrize("lon", [0.0, 30.0, -100.0, 180.0])
def test_at_a_pole_the_given_longitude_is_the_frame_of_the_heading(tmp_path: Path, lon: float) -> None:
    opened = wind(tmp_path, winds.uniform(COARSE, 0.0, -10.0), COARSE)
    south = 10.0 * turned(0.0, 30e3, 0.0, 5.0, 5.0)
    end = landing(opened, plan(lat=90.0, lon=lon))
    assert metres(end, exact.Point(90.0 - south, lon, 0.0, 0.0)) < 0.01


@pytest.mark.parametrize("burst", [5e3, 12e3, 30e3, 49e3])
def test_a_parachute_falls_as_the_standard_density_lets_it(tmp_path: Path, burst: float) -> None:
    def slowness(alt: float) -> float:
        height = exact.GEOPOTENTIAL_RADIUS * alt / (exact.GEOPOTENTIAL_RADIUS + alt)
        return math.sqrt(layer_at(height).density_at(height) / 1.225) / 6.0

    still = wind(tmp_path, winds.still(COARSE), COARSE)
    end = landing(still, plan(alt=burst, burst=burst, descent=6.0, parachute=True))
    fall, _ = quad(slowness, 0.0, burst, points=[11_019.0, 20_063.0, 32_162.0, 47_350.0], epsabs=1e-6)
    # Simpson's rule over at most 2500 m of a function with a scale height of some 15 km: a part in a million.
    assert end.time - START == pytest.approx(fall, rel=2e-6)


def test_a_flight_may_end_with_the_last_slice_but_not_a_second_later(tmp_path: Path) -> None:
    still = wind(tmp_path, winds.still(COARSE), COARSE)
    coast = still.end - still.start - 12_000.0
    assert landing(still, plan(coast=coast)).time == pytest.approx(still.end, abs=INSTANT)
    with pytest.raises(OutsideForecastError):
        flown(still, plan(coast=coast + 1.0))
    assert landing(still, plan(time=still.end - 12_000.0)).time == pytest.approx(still.end, abs=INSTANT)
    with pytest.raises(OutsideForecastError):
        flown(still, plan(time=still.end - 11_999.0))


@pytest.mark.parametrize("phase", ["ascent", "coast", "descent"])
def test_a_flight_that_leaves_the_forecast_is_refused_whichever_phase_it_is_in(
    tmp_path: Path, phase: str
) -> None:
    still = wind(tmp_path, winds.still(COARSE), COARSE)
    long = {"ascent": {"ascent": 0.5}, "coast": {"coast": 64_800.0}, "descent": {"descent": 0.5}}
    with pytest.raises(OutsideForecastError, match=f"{START:.0f} to {still.end:.0f}"):
        flown(still, plan(**long[phase]))


def test_one_slice_is_an_instant_in_which_nothing_flies(tmp_path: Path) -> None:
    grid = Grid(times=1)
    opened = wind(tmp_path, winds.rough(grid), grid)
    assert opened.start == opened.end
    with pytest.raises(OutsideForecastError):
        flown(opened, plan())
    grounded = landing(opened, plan(alt=500.0, burst=500.0), elevation(np.full((2, 4), 500)))
    assert grounded == (0.0, 0.0, 500.0, START)


def test_every_flight_has_a_status_of_its_own(tmp_path: Path) -> None:
    data = winds.still(COARSE)
    data[0, :] = np.nan  # the North Pole
    opened = wind(tmp_path, data, COARSE)
    plans = [plan(), plan(coast=64_800.0), plan(lat=89.0), plan(lat=-89.0)]
    rows = np.concatenate([each.columns() for each in plans])
    rows[:, kernel.TIME] -= opened.start
    landings, statuses = np.full((4, kernel.LANDING_COLUMNS), np.nan), np.full(4, 9, np.int8)
    air = np.array([[0.0, 288.15, -6.5e-3, 1.225]])
    nodes = np.empty((0, kernel.NODE_COLUMNS))
    kernel.compile_fly()(opened.field, air, SEA.terrain, rows, False, landings, statuses, nodes)
    assert statuses.tolist() == [kernel.LANDED, kernel.LEFT_FORECAST, kernel.BAD_WIND, kernel.LANDED]
    assert landings[1, 0] == pytest.approx(opened.end - opened.start)
    assert np.isfinite(landings).all()
