"""Flying plans in a wind, and what comes of it: landings, and one flight's path."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from habsim import atmosphere, kernel
from habsim.arrays import Floats
from habsim.earth import RADIUS, lat_lon, unit_vectors, wrap
from habsim.errors import BadFileError, OutsideForecastError
from habsim.field import Field
from habsim.flight import Ground
from habsim.marks import Marks, Partly

LAT, LON, ALT, TIME = range(4)  # columns of a point
SPACING = 60.0  # s between points of a path
SHORT = 6 * 3600.0  # s, the longest flight with that spacing
POINTS = 400  # of a longer flight's path, nearly

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
    while np.any(statuses == kernel.MISSED):
        marks.fetch(wind.partly, ground.partly, rows, landings, statuses)
        count = run(marks.field, _air(), marks.terrain, rows, parachute, landings, statuses, nodes)
    if count > len(nodes):
        nodes = np.empty((count, kernel.NODE_COLUMNS))
        run(marks.field, _air(), marks.terrain, rows[:1], parachute, landings[:1], statuses[:1], nodes)
    nodes = nodes[:count]
    nodes[:, 1] += wind.start
    time, lat, lon, alt = landings.T
    if np.any(statuses == kernel.BAD_WIND):
        bad = np.flatnonzero(statuses == kernel.BAD_WIND)[0]
        raise BadFileError(
            f"wind file {wind.name} holds a wind or height that is not usable near "
            f"{lat[bad]:.2f}, {float(wrap(lon[bad])):.2f} at {alt[bad]:.0f} m"
        )
    if np.any(statuses == kernel.LEFT_FORECAST):
        raise outside(wind)
    return Flown(statuses, time + wind.start, lat, wrap(lon), alt, nodes)


def outside(wind: Wind) -> OutsideForecastError:
    """Return the error that says the span of the forecast."""
    start, end = (datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%MZ") for t in (wind.start, wind.end))
    return OutsideForecastError(
        f"the whole flight must lie within the forecast, timestamp {wind.start:.0f} to {wind.end:.0f} "
        f"({start} to {end}): change timestamp, or fly shorter"
    )


def path(flown: Flown) -> list[Floats]:
    """Return ascent, coast and descent of the tracked flight, each (point, 4): lat, lon, alt, time.

    Phases share their joining point; a phase of no duration is empty, but a flight has at least one point.
    Points are `SPACING` apart on flights of up to `SHORT`, and evenly some `POINTS` on longer ones.
    """
    duration = float(flown.time[0] - flown.track[0, 1])
    spacing = SPACING if duration <= SHORT else duration / POINTS
    phases = flown.track[:, 0]
    return [_sampled(flown.track[phases == phase, 1:], spacing) for phase in (0, 1, 2)]


def rounded(points: Floats) -> Floats:
    """Return points (point, 4) as they are given out: to 1e-6 degrees, 0.1 m and 0.01 s."""
    result = np.empty(points.shape)
    result[:, LAT] = np.round(points[:, LAT], 6)
    result[:, LON] = np.round(wrap(np.round(points[:, LON], 6)), 6)
    result[:, ALT] = np.round(points[:, ALT], 1)
    result[:, TIME] = np.round(points[:, TIME], 2)
    return result + 0.0  # no -0.0


def _sampled(nodes: Floats, spacing: float) -> Floats:
    """Return points on the smooth curve through `nodes` (time, lat, lon, alt, east, north, up)."""
    if len(nodes) == 0:
        return np.empty((0, 4))
    time, lat, lon, alt, east, north, up = nodes.T
    ends = np.stack([lat, wrap(lon), alt, time], -1)[[0, -1]]
    if len(nodes) == 1:
        return ends[:1]
    times = np.linspace(time[0], time[-1], int(np.ceil((time[-1] - time[0]) / spacing)) + 1)
    positions, velocities = unit_vectors(lat, lon), _velocities(lat, lon, alt, east, north)
    vectors = _hermite(time, positions, velocities, times)
    alts = _hermite(time, alt[:, None], up[:, None], times)[:, 0]
    points = np.stack([*lat_lon(vectors), alts, times], -1)
    points[[0, -1]] = ends
    return points


def _velocities(lat: Floats, lon: Floats, alt: Floats, east: Floats, north: Floats) -> Floats:
    """Return the rates of change (1/s) of the unit vectors of moving positions, shape (n, 3)."""
    phi, lam = np.radians(lat), np.radians(lon)
    eastward = np.stack([-np.sin(lam), np.cos(lam), np.zeros_like(lam)], -1)
    northward = np.stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)], -1)
    return np.asarray((east[:, None] * eastward + north[:, None] * northward) / (RADIUS + alt)[:, None])


def _hermite(knots: Floats, values: Floats, slopes: Floats, at: Floats) -> Floats:
    """Return the piecewise cubic through `values` (n, k) with `slopes`, at times `at`: (len(at), k)."""
    last = np.clip(np.searchsorted(knots, at, side="right"), 1, len(knots) - 1)
    first = last - 1
    width = np.maximum(knots[last] - knots[first], 1e-9)
    s = ((at - knots[first]) / width)[:, None]
    r, width = 1.0 - s, width[:, None]
    ends = r * r * (1 + 2 * s) * values[first] + s * s * (3 - 2 * s) * values[last]
    return np.asarray(ends + s * r * width * (r * slopes[first] - s * slopes[last]))


@cache
def _air() -> Floats:
    """Return the standard atmosphere as the kernel takes it."""
    densities = atmosphere.density(atmosphere.BASES)
    columns = [atmosphere.BASES, atmosphere.BASE_TEMPERATURES, atmosphere.LAPSES, densities]
    return np.ascontiguousarray(np.stack(columns, -1))
