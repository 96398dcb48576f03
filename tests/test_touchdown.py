"""Where a flight meets the ground: ridges between two looks, crests grazed, descents that begin below."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from habsim.flight import FlightPlan
from tests import exact, winds
from tests.members import elevation, exact_plan, flown, landing, plan, wind
from tests.winds import START
from tests.worlds import COARSE, world

INSTANT = 1e-5  # s: what a Unix time in double precision and a hundred sums leave
RIDGED = 3600  # columns of cells: 11 km


def ridge(lat: float, height: int, columns: int = RIDGED) -> tuple[NDArray[np.int16], float]:
    """Return a sea with a wall along a parallel, one row of cells thick, and its latitude near `lat`."""
    cells = np.zeros((columns // 2, columns), np.int16)
    size = 360.0 / columns
    row = round(columns // 2 - 0.5 - (lat + 90.0) / size)
    cells[row] = height
    return cells, -90.0 + (columns // 2 - row - 0.5) * size


def test_a_ridge_thinner_than_a_step_stops_a_balloon(tmp_path: Path) -> None:
    """At 100 m/s a step of minutes is twice as long as the ridge is wide, 22 km."""
    northward = winds.uniform(COARSE, 0.0, 100.0)
    cells, crest = ridge(0.5, 4000)
    there = world(tmp_path, northward, COARSE, cells=cells)
    flight = plan(alt=6e3, burst=6e3)
    assert landing(there.wind, flight).lat > crest + 0.05  # there is nothing else to stop it
    there.check(flight)
    assert landing(there.wind, flight, there.ground).lat < crest


def passing(there: exact.Field, flight: FlightPlan, lat: float) -> float:
    """Return the altitude at which the exact flight northward passes over `lat`."""
    wall = exact.fly(there, exact_plan(flight), lambda here, lon: 9000.0 if here >= lat else -1.0)
    return wall.landing.alt


@pytest.mark.parametrize("seed", range(4))
def test_a_balloon_clears_a_crest_or_does_not_by_a_hand(tmp_path: Path, seed: int) -> None:
    """Flights over one another pass a knife-edge: 10 cm under it they end there, 10 cm above they go on."""
    random = np.random.default_rng(seed)
    data = winds.rough(COARSE, seed)
    data[..., 1] += 30.0
    there = world(tmp_path, data, COARSE)
    flight = plan(lat=random.uniform(30, 50), lon=random.uniform(-180, 180), alt=6e3, burst=6e3, descent=1.5)
    cells, crest = ridge(flight.lat + 0.3, 1)
    over, lower = (passing(there.field, replace(flight, alt=top, burst=top), crest) for top in (6e3, 5999.0))
    cells *= int(over)
    grazing = 6e3 - (over - int(over)) / (over - lower)
    ground = elevation(cells)
    for offset in (-0.1, 0.1):
        top = grazing + offset
        end = landing(there.wind, replace(flight, alt=top, burst=top), ground)
        assert (end.lat <= crest + 1e-4) is (offset < 0.0), (offset, end, crest)


@pytest.mark.parametrize("launch", ["alt", "burst"])
def test_a_descent_that_starts_on_or_under_the_ground_lands_there_at_once(
    tmp_path: Path, launch: str
) -> None:
    cells = np.full((180, 360), 1000, np.int16)
    opened = wind(tmp_path, winds.uniform(COARSE, 10.0, 0.0), COARSE)
    high = {"alt": 1000.0, "burst": 1000.0} if launch == "alt" else {"alt": 0.0, "burst": 900.0}
    end = flown(opened, plan(**high, ascent=3.0), elevation(cells))
    rise = 0.0 if launch == "alt" else 300.0
    assert end.alt.tolist() == [high["burst"]]
    assert end.time.tolist() == pytest.approx([START + rise], abs=INSTANT)


def test_the_ground_counts_in_the_descent_only(tmp_path: Path) -> None:
    """A mountain in the way up does not stop a balloon."""
    cells, _ = ridge(0.05, 8000)
    opened = wind(tmp_path, winds.uniform(COARSE, 0.0, 10.0), COARSE)
    free = landing(opened, plan(burst=10e3))
    assert landing(opened, plan(burst=10e3), elevation(cells)) == free


def test_land_below_the_sea_ends_a_flight_at_the_sea(tmp_path: Path) -> None:
    opened = wind(tmp_path, winds.uniform(COARSE, 10.0, 0.0), COARSE)
    assert landing(opened, plan(), elevation(np.full((180, 360), -400))) == landing(opened, plan())
