"""Worlds in which HABSIM and the exact integrator fly the same plans."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elev import Elevation
from habsim.flight import FlightPlan
from tests import exact
from tests.members import elevation, exact_plan, landing, metres, wind
from tests.winds import INTERVAL, START, Grid
from windfile import WindFile

# What is asked is 10 m and 0.5 s, what is aimed at 1 m and 0.1 s.  Of 780 random launches in such fields
# the worst landed 0.28 m and 1 ms off: what steps of 8 minutes leave, and a fall of 2500 m at a time.
METRES, SECONDS = 0.5, 0.01

COARSE = Grid(times=4)  # 5 degrees, 18 hours
FINE = Grid(181, 361, 4)  # 1 degree


@dataclass(frozen=True)
class World:
    """An atmosphere over a ground, for both integrators."""

    wind: WindFile
    field: exact.Field
    cells: NDArray[np.int16]

    @property
    def ground(self) -> Elevation:
        return elevation(self.cells)

    def apart(self, flight: FlightPlan) -> tuple[float, float]:
        """Return by how much (m, s) the two integrators disagree on a landing."""
        reference = exact.fly(self.field, exact_plan(flight), exact.ground(self.cells)).landing
        ours = landing(self.wind, flight, self.ground)
        assert ours.alt == pytest.approx(reference.alt, abs=METRES)
        return metres(ours, reference), abs(ours.time - reference.time)

    def check(self, *flights: FlightPlan) -> None:
        """Assert that both integrators land each flight at one place and time."""
        for flight in flights:
            distance, delay = self.apart(flight)
            assert distance < METRES, flight
            assert delay < SECONDS, flight


def world(
    folder: Path,
    data: NDArray[np.float16],
    grid: Grid,
    heights: NDArray[Any] | None = None,
    heights_step: float = 1.0,
    cells: NDArray[np.int16] | None = None,
) -> World:
    """Return a world of these winds, over the sea where no `cells` are given."""
    in_metres = None if heights is None else heights_step * heights
    field = exact.Field(data, np.array(grid.levels_hpa), START, INTERVAL, in_metres)
    sea = np.zeros((2, 4), np.int16)
    return World(wind(folder, data, grid, heights, heights_step), field, sea if cells is None else cells)
