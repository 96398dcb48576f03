"""Points along flights: what is drawn of their tracks.

A track has a row at each end of a step, with the velocity there; a phase is the smooth curve through its
rows.  The curves of all flights are sampled at once.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from habsim.arrays import Floats
from habsim.earth import RADIUS, lat_lon, unit_vectors, wrap
from habsim.trajectory import Flown

LAT, LON, ALT, TIME = range(4)  # columns of a point
SPACING = 60.0  # s between points of a path
SHORT = 6 * 3600.0  # s, the longest flight with that spacing
POINTS = 400  # of a longer flight's path, nearly
PHASES = 3

Indices = NDArray[np.intp]


def paths(flights: Sequence[Flown]) -> list[list[Floats]]:
    """Return ascent, coast and descent of each tracked flight, points (point, 4): lat, lon, alt, time.

    Phases share their joining point; a phase of no duration is empty, but a flight has at least one point.
    Points are `SPACING` apart on flights of up to `SHORT`, and evenly some `POINTS` on longer ones.
    """
    durations = np.array([flown.time[0] - flown.track[0, 1] for flown in flights])
    spacings = np.where(durations <= SHORT, SPACING, durations / POINTS)
    nodes = np.concatenate([flown.track for flown in flights])
    flight = np.repeat(np.arange(len(flights)), [len(flown.track) for flown in flights])
    curve = PHASES * flight + nodes[:, 0].astype(np.intp)
    begins = np.searchsorted(curve, np.arange(PHASES * len(flights) + 1))
    counts, points = _sampled(nodes[:, 1:], begins, np.repeat(spacings, PHASES))
    phases = np.split(points, np.cumsum(counts)[:-1])
    return [phases[first : first + PHASES] for first in range(0, len(phases), PHASES)]


def rounded(points: Floats) -> Floats:
    """Return points (point, 4) as they are given out: to 1e-6 degrees, 0.1 m and 0.01 s."""
    result = np.empty(points.shape)
    result[:, LAT] = np.round(points[:, LAT], 6)
    result[:, LON] = np.round(wrap(np.round(points[:, LON], 6)), 6)
    result[:, ALT] = np.round(points[:, ALT], 1)
    result[:, TIME] = np.round(points[:, TIME], 2)
    return result + 0.0  # no -0.0


def _sampled(nodes: Floats, begins: Indices, spacings: Floats) -> tuple[Indices, Floats]:
    """Return how many points each curve has, and the points of all of them, (point, 4).

    `nodes` (time, lat, lon, alt, east, north, up) of curve k are the rows from `begins[k]` to before
    `begins[k + 1]`, perhaps none; its points are at most `spacings[k]` (s) apart.
    """
    time, lat, lon, alt, east, north, up = nodes.T
    first, last = begins[:-1], begins[1:] - 1
    some = last >= first
    origin = np.where(some, time[np.minimum(first, len(time) - 1)], 0.0)
    duration = np.where(some, time[last], origin) - origin
    counts = np.where(some, np.ceil(duration / spacings).astype(np.intp) + 1, 0)
    of_node, of_point = (np.repeat(np.arange(len(counts)), each) for each in (last - first + 1, counts))
    step = np.arange(len(of_point)) - (np.cumsum(counts) - counts)[of_point]
    since = step * (duration / np.maximum(counts - 1, 1))[of_point]  # s, from the curve's origin
    shift = np.cumsum(duration + 1.0) - duration  # lays the curves' times end to end
    knots, at = time - origin[of_node], since
    right = np.searchsorted(knots + shift[of_node], at + shift[of_point], side="right")
    right = np.clip(right, np.minimum(first + 1, last)[of_point], last[of_point])
    left = np.maximum(right - 1, first[of_point])

    values = np.column_stack([unit_vectors(lat, lon), alt])
    slopes = np.column_stack([_velocities(lat, lon, alt, east, north), up])
    curve = _cubic(knots, values, slopes, left, right, at)
    points = np.column_stack([*lat_lon(curve[:, :3]), curve[:, 3], origin[of_point] + since])
    ends = np.column_stack([lat, wrap(lon), alt, time])
    starts = np.cumsum(counts) - counts
    points[starts[some]] = ends[first[some]]
    points[(starts + counts - 1)[some]] = ends[last[some]]
    return counts, points


def _velocities(lat: Floats, lon: Floats, alt: Floats, east: Floats, north: Floats) -> Floats:
    """Return the rates of change (1/s) of the unit vectors of moving positions, shape (n, 3)."""
    phi, lam = np.radians(lat), np.radians(lon)
    eastward = np.stack([-np.sin(lam), np.cos(lam), np.zeros_like(lam)], -1)
    northward = np.stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)], -1)
    return np.asarray((east[:, None] * eastward + north[:, None] * northward) / (RADIUS + alt)[:, None])


def _cubic(
    knots: Floats, values: Floats, slopes: Floats, left: Indices, right: Indices, at: Floats
) -> Floats:
    """Return cubics at times `at`, between the knots `left` and `right` of each: (len(at), k).

    `values` and `slopes` are (knot, k).  Where both knots are the same, its value comes back.
    """
    width = knots[right] - knots[left]
    s = ((at - knots[left]) / np.maximum(width, 1e-9))[:, None]
    r, width = 1.0 - s, width[:, None]
    ends = r * r * (1 + 2 * s) * values[left] + s * s * (3 - 2 * s) * values[right]
    return np.asarray(ends + s * r * width * (r * slopes[left] - s * slopes[right]))
