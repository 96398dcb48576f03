"""Flight plans: their limits, and what the ground does to a launch."""

import math
from typing import Any

import numpy as np
import pytest

from habsim import kernel
from habsim.errors import InvalidRequestError
from habsim.flight import FlightPlan
from tests.members import plan


@pytest.mark.parametrize(
    "changes",
    [
        {"lat": 90.0},
        {"lat": -90.0},
        {"lon": 180.0},
        {"lon": -180.0},
        {"alt": 0.0, "burst": 0.0},
        {"burst": math.nextafter(50_000.0, 0.0)},
        {"alt": 30e3},
        {"coast": 48 * 3600.0},
        {"ascent": 0.1, "descent": 20.0},
        {"ascent": 20.0, "descent": 0.1},
        {"coeff": 0.5},
        {"coeff": 1.5},
        {"time": -1e9},
    ],
)
def test_the_limits_themselves_are_allowed(changes: dict[str, float]) -> None:
    allowed = plan(**changes)
    assert all(getattr(allowed, name) == value for name, value in changes.items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lat": math.nextafter(90.0, 91.0)}, "lat must be from -90 to 90 degrees"),
        ({"lat": -90.01}, "lat must be from -90 to 90 degrees"),
        ({"lon": 180.01}, "lon must be from -180 to 180 degrees"),
        ({"lon": -181.0}, "lon must be from -180 to 180 degrees"),
        ({"alt": -0.1}, "alt must be from 0 to 50000 m"),
        ({"alt": 50_000.1}, "alt must be from 0 to 50000 m"),
        ({"burst": 50_000.0}, "equil must be at least alt (0 m) and below 50000 m, not 50000"),
        ({"alt": 10.0, "burst": 9.0}, "equil must be at least alt (10 m)"),
        ({"coast": -1.0}, "eqtime must be from 0 to 48 hours"),
        ({"coast": 48 * 3600.0 + 1.0}, "eqtime must be from 0 to 48 hours"),
        ({"ascent": 0.0}, "asc must be from 0.1 to 20 m/s"),
        ({"ascent": 20.1}, "asc must be from 0.1 to 20 m/s"),
        ({"descent": -5.0}, "desc must be from 0.1 to 20 m/s"),
        ({"coeff": 0.49}, "coeff must be from 0.5 to 1.5"),
        ({"coeff": 1.51}, "coeff must be from 0.5 to 1.5"),
    ],
)
def test_past_a_limit_the_parameter_is_named_with_its_range(changes: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        plan(**changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "name", ["time", "lat", "lon", "alt", "burst", "coast", "ascent", "descent", "coeff"]
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(name: str, value: float) -> None:
    with pytest.raises(InvalidRequestError):
        plan(**{name: value})


@pytest.mark.parametrize(("ground", "alt"), [(0.0, 24.0), (24.0, 24.0), (1520.5, 1520.5), (30e3, 30e3)])
def test_a_launch_below_ground_is_raised_and_nothing_else_changes(ground: float, alt: float) -> None:
    asked: dict[str, Any] = {"lat": 40.0, "lon": -105.0, "coast": 600.0, "coeff": 1.2, "parachute": True}
    assert plan(alt=24.0, **asked).raised(ground) == plan(alt=alt, **asked)


def test_a_burst_under_the_ground_is_refused_with_the_range() -> None:
    with pytest.raises(
        InvalidRequestError, match=r"equil \(800 m\) is under the ground .* from 1520\.5 to below 50000 m"
    ):
        plan(burst=800.0).raised(1520.5)


def test_a_plan_is_one_row_of_the_kernels_flights() -> None:
    flight = FlightPlan(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.9)
    expected = {
        kernel.TIME: 1.0,
        kernel.LAT: 2.0,
        kernel.LON: 3.0,
        kernel.ALT: 4.0,
        kernel.BURST: 5.0,
        kernel.COAST: 6.0,
        kernel.ASCENT: 7.0,
        kernel.DESCENT: 8.0,
        kernel.COEFF: 0.9,
    }
    row = flight.columns()
    assert row.shape == (1, kernel.FLIGHT_COLUMNS)
    assert dict(enumerate(row[0].tolist())) == expected
    assert row.dtype == np.float64
