"""Flying plans in a wind, and what comes of it: landings, and one flight's track."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from habsim import atmosphere, kernel
from habsim.arrays import Floats
from habsim.earth import wrap
from habsim.errors import BadFileError, OutsideForecastError
from habsim.field import Field
from habsim.flight import Ground
from habsim.marks import Marks, Partly

_ROWS = 512  # of a track, at first; a longer flight is flown again with room enough


class Wind(Protocol):
    """One member's winds, as physics needs them."""

    name: str
    field: Field

    @property
    def partly(self) -> Partly | None:
        """What fetches columns that are missing, where any may be."""

    @property
    def start(self) -> float:
        """Unix time of the first slice."""

    @property
    def end(self) -> float:
        """Unix time of the last slice."""


@dataclass(frozen=True, slots=True)
class Flown:
    """Many flights in one wind: where each ended, shape (flight,), and the track of the first."""

    status: NDArray[np.int8]
    time: Floats
    lat: Floats
    lon: Floats  # [-180, 180)
    alt: Floats
    track: Floats  # (row, kernel.NODE_COLUMNS), times as Unix time


def fly(wind: Wind, ground: Ground, flights: Floats, parachute: bool, tracked: bool = True) -> Flown:
    """Fly the rows of `flights`, kernel columns with Unix times, above `ground`.

    What is missing of files that are only partly here is fetched on the way.
    Raises `OutsideForecastError` if a launch lies outside the forecast, or any flight leaves it, and
    `BadFileError` if winds met are not finite.
    """
    rows = flights.copy()
    rows[:, kernel.TIME] -= wind.start
    if rows[:, kernel.TIME].min() < 0.0 or rows[:, kernel.TIME].max() > wind.end - wind.start:
        raise outside(wind)
    landings = np.empty((len(rows), kernel.LANDING_COLUMNS))
    statuses = np.empty(len(rows), np.int8)
    nodes = np.empty((_ROWS if tracked else 0, kernel.NODE_COLUMNS))
    run = kernel.compile_fly()
    marks = Marks(wind.field, ground.terrain)
    count = run(marks.field, _air(), marks.terrain, rows, parachute, landings, statuses, nodes)
    while statuses.any() and np.any(statuses == kernel.MISSED):
        marks.fetch(wind.partly, ground.partly, rows, landings, statuses)
        count = run(marks.field, _air(), marks.terrain, rows, parachute, landings, statuses, nodes)
    if count > len(nodes):
        nodes = np.empty((count, kernel.NODE_COLUMNS))
        run(marks.field, _air(), marks.terrain, rows[:1], parachute, landings[:1], statuses[:1], nodes)
    nodes = nodes[:count]
    nodes[:, 1] += wind.start
    time, lat, lon, alt = landings.T
    if statuses.any() and np.any(statuses == kernel.BAD_WIND):
        bad = np.flatnonzero(statuses == kernel.BAD_WIND)[0]
        raise BadFileError(
            f"wind file {wind.name} holds a wind or height that is not usable near "
            f"{lat[bad]:.2f}, {float(wrap(lon[bad])):.2f} at {alt[bad]:.0f} m"
        )
    if statuses.any():
        raise outside(wind)
    return Flown(statuses, time + wind.start, lat, wrap(lon), alt, nodes)


def outside(wind: Wind) -> OutsideForecastError:
    """Return the error that says the span of the forecast."""
    start, end = (datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%MZ") for t in (wind.start, wind.end))
    return OutsideForecastError(
        f"the whole flight must lie within the forecast, timestamp {wind.start:.0f} to {wind.end:.0f} "
        f"({start} to {end}): change timestamp, or fly shorter"
    )


@cache
def _air() -> Floats:
    """Return the standard atmosphere as the kernel takes it."""
    densities = atmosphere.density(atmosphere.BASES)
    columns = [atmosphere.BASES, atmosphere.BASE_TEMPERATURES, atmosphere.LAPSES, densities]
    return np.ascontiguousarray(np.stack(columns, -1))
