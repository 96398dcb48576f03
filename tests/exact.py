"""The exact flight on a gridded wind: what the compiled kernel is judged against.

An interpolated wind has kinks: at the edges of grid cells, at the heights of levels, at time slices and,
under a parachute, at the layers of the standard atmosphere.  Between kinks all is smooth.  So a flight is
solved piece by piece: in a piece the wind is one polynomial, which goes on past the piece's edges, and DOP853
stops where the balloon leaves.  Positions are unit vectors, so neither a pole nor a meridian is special.

Nothing comes from `habsim`.  What is named `height` is geopotential, what is named `alt` is geometric.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import OdeSolution, solve_ivp
from scipy.optimize import brentq

from tests.standard import SEA_LEVEL_DENSITY, Layer, layer_at, standard_heights

Floats = NDArray[np.float64]
Terrain = Callable[[float, float], float]  # the ground's altitude (m) at lat, lon (degrees)

RADIUS = 6_371_009.0  # m, mean radius R1 of GRS 80; Moritz (2000), J. Geodesy 74
GEOPOTENTIAL_RADIUS = 6_356_766.0  # m, U.S. Standard Atmosphere 1976, equation 18
HIGHEST_GROUND = 9000.0  # m, above Mount Everest

# The error of a step in Earth radii (6 micrometres) and relative to the altitude, and its length in seconds:
# short, so that a visit to another piece that begins and ends inside a step is no deeper than a metre.
STEPS = {"rtol": 1e-12, "atol": 1e-12, "max_step": 60.0}
LONGEST_PIECE = 600.0  # s, so that a descent does not go on far below the ground
SCAN = 0.5  # s between looks at the ground
PAST_CELL, PAST_HEIGHT, PAST_TIME = 1e-9, 1e-6, 1e-7  # how far past a kink a piece ends: cells, m, s
FAR = 1e6  # m, from the outermost levels to where their winds are repeated


def ground(cells: NDArray[np.int16]) -> Terrain:
    """Return the terrain of square `cells` (m), shape (rows, columns), row 0 northernmost, column 0 at 180 W.

    Columns span 360 degrees, rows reach up from 90 S.  Bilinear between the cells' centres, around the date
    line, level beyond the outermost rows, never below 0.
    """
    rows, columns = cells.shape
    size = 360.0 / columns

    def altitude(lat: float, lon: float) -> float:
        across = (lon + 180.0) / size - 0.5
        down = min(max(rows - 0.5 - (lat + 90.0) / size, 0.0), rows - 1.0)
        west, north = math.floor(across), min(math.floor(down), rows - 2)
        east_share, south_share = across - west, down - north
        left, right = cells[north : north + 2, [west % columns, (west + 1) % columns]].astype(float).T
        upper, lower = left + east_share * (right - left)
        return max(0.0, float(upper + south_share * (lower - upper)))

    return altitude


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Gridded winds: rows from 90 to -90 degrees, columns from 0 to 360 inclusive."""

    data: NDArray[Any]  # (lat, lon, level, time, 2), eastward and northward wind, m/s
    levels_hpa: Floats  # (level,), in either order
    start: float  # Unix seconds, of the first slice
    interval: float  # s between slices
    heights: NDArray[Any] | None = None  # (lat, lon, level, time), geopotential, m


@dataclass(frozen=True, slots=True)
class Plan:
    """A flight to be flown, its altitude already raised to the ground."""

    time: float  # Unix seconds
    lat: float
    lon: float
    alt: float
    burst: float  # m, where the ascent ends
    coast: float = 0.0  # s
    ascent: float = 5.0  # m/s
    descent: float = 5.0  # m/s, positive; with `drag` the rate at sea level
    coeff: float = 1.0  # scales the wind
    drag: bool = False


class Point(NamedTuple):
    """An instant of a flight; longitude in [-180, 180), time in Unix seconds."""

    lat: float
    lon: float
    alt: float
    time: float


class Flight(NamedTuple):
    """The ends of the three phases."""

    burst: Point
    coast_end: Point
    landing: Point


class _Phase(NamedTuple):
    """What the balloon does by itself."""

    rate: float  # m/s upward; with `drag` at sea level
    coeff: float
    drag: bool = False

    def climb(self, height: float, layer: Layer) -> float:
        """Return the vertical speed (m/s) at `height` in air as dense as `layer` has it."""
        return self.rate * math.sqrt(SEA_LEVEL_DENSITY / layer.density_at(height)) if self.drag else self.rate


class _Cell(NamedTuple):
    """A cell of the grid, in latitude, longitude and time."""

    north: float  # degrees, its northern edge
    middle: float  # degrees, its central meridian
    elapsed: float  # s since its time slice
    size: tuple[float, float, float]  # degrees, degrees, s

    def shares(self, lat: float, lon: float, s: float) -> tuple[float, float, float]:
        """Return how far into the cell a place is, `s` seconds on: 0 to 1 southward, eastward and in time."""
        height, width, interval = self.size
        across = (lon - self.middle + 180.0) % 360.0 - 180.0
        return (self.north - lat) / height, 0.5 + across / width, (self.elapsed + s) / interval


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """The space between two levels over a cell.  Called, it is the event of leaving that space."""

    cell: _Cell
    levels: Floats  # (8, 6): coefficients of height, u and v at the lower and at the upper level
    layer: Layer
    phase: _Phase
    terminal: ClassVar[bool] = True
    direction: ClassVar[float] = -1.0

    def velocity(self, s: float, state: Floats) -> list[float]:
        """Return the derivative of `state`, shape (4,), `s` seconds into the piece."""
        lat, lon, height = _place(state)
        low, u, v, high, u_above, v_above = _levels(self.levels, self.cell.shares(lat, lon, s))
        share = (height - low) / (high - low)
        scale = self.phase.coeff / (RADIUS + state[3])
        east, north = scale * (u + share * (u_above - u)), scale * (v + share * (v_above - v))
        phi, lam = math.radians(lat), math.radians(lon)
        outward = -north * math.sin(phi)
        return [
            outward * math.cos(lam) - east * math.sin(lam),
            outward * math.sin(lam) + east * math.cos(lam),
            north * math.cos(phi),
            self.phase.climb(height, self.layer),
        ]

    def __call__(self, s: float, state: Floats) -> float:
        """Return a number that falls through 0 where `state` has just left the piece."""
        lat, lon, height = _place(state)
        south, east, _ = shares = self.cell.shares(lat, lon, s)
        low, _, _, high, _, _ = _levels(self.levels, shares)
        heights = min(height - low, high - height)
        if self.phase.drag:
            heights = min(heights, height - self.layer.bottom, self.layer.top - height)
        return min(min(south, 1.0 - south, east, 1.0 - east) + PAST_CELL, heights + PAST_HEIGHT)


class _Arc(NamedTuple):
    """The motion through one piece."""

    begin: float  # s since the first slice
    length: float  # s
    state: OdeSolution  # unit vector and altitude, shape (4,), by seconds since `begin`


def fly(field: Field, plan: Plan, terrain: Terrain) -> Flight:
    """Return the exact flight of `plan`.

    Raises `ValueError` where it would leave the field's time span.
    """
    launch = plan.time - field.start
    top = launch + (plan.burst - plan.alt) / plan.ascent
    fall = top + plan.coast
    state = _after(field, _Phase(plan.ascent, plan.coeff), _state(plan), launch, top)
    state[3] = plan.burst
    burst = _point(state, field.start + top)
    state = _after(field, _Phase(0.0, plan.coeff), state, top, fall)
    coast_end = _point(state, field.start + fall)
    if coast_end.alt <= terrain(coast_end.lat, coast_end.lon):
        return Flight(burst, coast_end, coast_end)
    down = _arcs(field, _Phase(-plan.descent, plan.coeff, plan.drag), state, fall, math.inf)
    arc, s = next((arc, s) for arc in down if (s := _touchdown(arc, terrain)) is not None)
    return Flight(burst, coast_end, _point(arc.state(s), field.start + arc.begin + s))


def _after(field: Field, phase: _Phase, state: Floats, begin: float, end: float) -> Floats:
    """Return the state at `end` of what has `state` at `begin` (s since the first slice)."""
    for arc in _arcs(field, phase, state, begin, end):
        state = arc.state(arc.length)
    return state


def _arcs(field: Field, phase: _Phase, state: Floats, begin: float, end: float) -> Iterator[_Arc]:
    """Yield the motion from `state` at `begin` until `end` (s since the first slice), piece by piece."""
    while begin < end:
        if not 0.0 <= begin < field.interval * (field.data.shape[3] - 1):
            raise ValueError(f"the flight is outside the forecast {begin:.0f} s after its first slice")
        piece = _piece(field, phase, state, begin)
        length = min(end - begin, field.interval - piece.cell.elapsed + PAST_TIME, LONGEST_PIECE)
        arc = _Arc(begin, *_cross(piece, state, length))
        yield arc
        state, begin = arc.state(arc.length), begin + arc.length


def _cross(piece: _Piece, state: Floats, length: float) -> tuple[float, OdeSolution]:
    """Return when (s) the motion from `state` leaves `piece`, at most `length`, and the motion."""
    solved = solve_ivp(
        piece.velocity, (0.0, length), state, "DOP853", events=piece, dense_output=True, **STEPS
    )
    if solved.status < 0:
        raise ArithmeticError(solved.message)
    return min(float(solved.t[-1]) + PAST_TIME * solved.status, length), solved.sol


def _touchdown(arc: _Arc, terrain: Terrain) -> float | None:
    """Return when (s) `arc` first meets the ground, `None` where it stays above."""

    def clearance(s: float) -> float:
        state = arc.state(s)
        lat, lon, _ = _place(state)
        return float(state[3]) - terrain(lat, lon)

    if arc.state(arc.length)[3] > HIGHEST_GROUND:
        return None
    looks = np.linspace(0.0, arc.length, math.ceil(arc.length / SCAN) + 1)
    bracket = next((pair for pair in pairwise(looks) if clearance(pair[1]) <= 0.0), None)
    return None if bracket is None else float(brentq(clearance, *bracket, xtol=1e-9))


def _piece(field: Field, phase: _Phase, state: Floats, begin: float) -> _Piece:
    """Return the piece that `state` is in at `begin` (s since the first slice)."""
    rows, columns, _, slices, _ = field.data.shape
    size = (180.0 / (rows - 1), 360.0 / (columns - 1), field.interval)
    lat, lon, height = _place(state)
    row = min(int((90.0 - lat) / size[0]), rows - 2)
    column = min(int(lon % 360.0 / size[1]), columns - 2)
    step = min(int(begin / field.interval), slices - 2)
    cell = _Cell(90.0 - row * size[0], (column + 0.5) * size[1], begin - step * field.interval, size)
    levels = _coefficients(field, row, column, step)
    upper = int(np.searchsorted(_levels(levels, cell.shares(lat, lon, 0.0))[::3], height, side="right"))
    return _Piece(cell, levels[:, 3 * upper - 3 : 3 * upper + 3], layer_at(height), phase)


def _coefficients(field: Field, row: int, column: int, step: int) -> Floats:
    """Return height, u and v of each level as polynomials in a cell's shares, shape (8, 3 levels).

    The lowest level comes first.  Far below it and far above the highest stand copies with the same wind.
    """
    order = np.argsort(-np.asarray(field.levels_hpa, float))
    box = np.s_[row : row + 2, column : column + 2, :, step : step + 2]
    wind = field.data[box].astype(float)
    heights = standard_heights(field.levels_hpa)[:, None] if field.heights is None else field.heights[box]
    values = np.concatenate([np.broadcast_to(heights, wind.shape[:-1])[..., None], wind], -1)
    values = np.moveaxis(values[:, :, order], 3, 2)
    lowest, highest = values[..., :1, :] - [FAR, 0.0, 0.0], values[..., -1:, :] + [FAR, 0.0, 0.0]
    values = np.concatenate([lowest, values, highest], -2)
    for axis in range(3):
        first, second = np.split(values, 2, axis)
        values = np.concatenate([first, second - first], axis)
    return values.reshape(8, -1)


def _levels(coefficients: Floats, shares: tuple[float, float, float]) -> list[float]:
    """Return height, u and v of each level at a cell's `shares`, one after the other."""
    a, b, c = shares
    values: list[float] = (np.array([1.0, c, b, b * c, a, a * c, a * b, a * b * c]) @ coefficients).tolist()
    return values


def _state(plan: Plan) -> Floats:
    """Return the unit vector and altitude of the launch, shape (4,)."""
    phi, lam = math.radians(plan.lat), math.radians(plan.lon)
    ring = math.cos(phi)  # 6e-17 at a pole: enough to keep the heading's frame
    return np.array([ring * math.cos(lam), ring * math.sin(lam), math.sin(phi), plan.alt])


def _place(state: Floats) -> tuple[float, float, float]:
    """Return latitude, longitude (degrees) and geopotential height (m)."""
    x, y, z, alt = state.tolist()
    lat, lon = math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))
    return lat, lon, GEOPOTENTIAL_RADIUS * alt / (GEOPOTENTIAL_RADIUS + alt)


def _point(state: Floats, time: float) -> Point:
    """Return `state` as the point that users see."""
    lat, lon, _ = _place(state)
    return Point(lat, (lon + 180.0) % 360.0 - 180.0, float(state[3]), time)
