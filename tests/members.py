"""Member files, grounds and plans for tests of the engine, and HABSIM's way to fly them.

Plans start at the first slice, at 0 N 0 E, from the sea to 30 km, unless a test says otherwise.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elev import Elevation
from habsim import member, trajectory
from habsim.files import publish
from habsim.flight import FlightPlan
from tests import exact
from tests.winds import INTERVAL, START, Grid
from windfile import WindFile


def saved(
    path: Path,
    data: NDArray[np.float16],
    grid: Grid,
    heights: NDArray[Any] | None = None,
    heights_step: float = 1.0,
) -> Path:
    """Return `path`, where a member file of the winds `data` now is; one mapped from there stays good."""
    levels = np.array(grid.levels_hpa)
    publish(
        path,
        lambda stream: member.write(stream, data, levels, START, INTERVAL, heights, heights_step),
        durable=False,
    )
    return path


def wind(
    folder: Path,
    data: NDArray[np.float16],
    grid: Grid,
    heights: NDArray[Any] | None = None,
    heights_step: float = 1.0,
) -> WindFile:
    """Return the winds `data`, mapped from a member file in `folder`."""
    return WindFile.open(saved(folder / "member.npz", data, grid, heights, heights_step))


def elevation(cells: NDArray[Any]) -> Elevation:
    """Return a ground of square `cells` (m) as `elev` would open it: int16 and read-only."""
    grid = np.array(cells, np.int16)
    grid.flags.writeable = False
    return Elevation(grid, "made up")


SEA = elevation(np.zeros((2, 4)))


def plan(**changes: Any) -> FlightPlan:
    """Return the plan of this module with `changes`."""
    usual = {"time": START, "lat": 0.0, "lon": 0.0, "alt": 0.0, "burst": 30e3, "coast": 0.0}
    return FlightPlan(**{**usual, "ascent": 5.0, "descent": 5.0, **changes})


def flown(wind: WindFile, flight: FlightPlan, ground: Elevation = SEA) -> trajectory.Flown:
    """Return what HABSIM makes of one flight."""
    return trajectory.fly(wind, ground, flight.columns(), flight.parachute)


def landing(wind: WindFile, flight: FlightPlan, ground: Elevation = SEA) -> exact.Point:
    """Return where HABSIM lands one flight."""
    end = flown(wind, flight, ground)
    return exact.Point(*(float(column[0]) for column in (end.lat, end.lon, end.alt, end.time)))


def exact_plan(flight: FlightPlan) -> exact.Plan:
    """Return `flight` as the reference takes it."""
    return exact.Plan(
        flight.time, flight.lat, flight.lon, flight.alt, flight.burst, flight.coast,
        flight.ascent, flight.descent, flight.coeff, flight.parachute,
    )  # fmt: skip


def metres(one: exact.Point, other: exact.Point) -> float:
    """Return the distance (m) at sea level between two points."""
    (a, b), (c, d) = np.radians(one[:2]), np.radians(other[:2])
    half = math.sin((a - c) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((b - d) / 2) ** 2
    return 2.0 * exact.RADIUS * math.asin(math.sqrt(half))
