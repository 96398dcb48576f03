"""One step of a flight: its span in altitude and time, its Runge-Kutta integration, its dense output.

Altitude, not time, is the independent variable while the balloon rises or sinks: the heights of the cell's
faces are known before the step, and a parachute's fall is a quadrature.  A step is described by the
normalised variable s in [0, 1], linear in altitude (in time while coasting).

Near a pole, where longitude is singular, the position is a unit vector.
"""

import math
from typing import NamedTuple

import numpy as np

from habsim import field as winds
from habsim.earth import RADIUS
from habsim.field import Cell, Field, Place
from habsim.memory import compiled, read_float64, write_float64

RISING, COASTING, SINKING = 0, 1, 2  # phases
SOUND, UNSOUND, ABSENT = 0, 1, 2  # what the winds met are
DEGREE = math.pi / 180.0
# A path in memory: a row for lat and lon, or x, y, z: values at start and end, then their slopes by s.
PATH_SIZE = 12

_INSTANT = 5e-7  # s, to which a step ends on a time slice
_SEA_LEVEL_DENSITY = 1.225  # kg/m3
_GRAVITY_OVER_GAS_CONSTANT = 9.80665 / 287.05287  # K/m
_METRES_PER_DEGREE = 111_195.0  # of latitude, nearly


class Motion(NamedTuple):
    """What moves the balloon in one phase."""

    phase: int
    speed: float  # m/s, vertical; at sea level under a parachute
    parachute: bool
    coeff: float  # scales the wind
    air: int  # address of (layer, 4): base height (m), temperature (K), lapse (K/m), density (kg/m3)
    air_layers: int


class Span(NamedTuple):
    """Times, altitudes and dt/ds at the start, the middle and the end of a step."""

    times: tuple[float, float, float]
    alts: tuple[float, float, float]
    weights: tuple[float, float, float]


class _Parallel(NamedTuple):
    """A latitude (degrees) and its sine and cosine."""

    lat: float
    sin: float
    cos: float


@compiled
def falling_speed(motion: Motion, alt: float) -> float:
    """Return the vertical speed (m/s) at `alt`; under a parachute the standard density there sets it."""
    if not motion.parachute:
        return motion.speed
    height = winds.geopotential(alt)
    layer = motion.air + 32 * (motion.air_layers - 1)
    while layer > motion.air and height < read_float64(layer):
        layer -= 32
    base, warm, lapse = read_float64(layer), read_float64(layer + 8), read_float64(layer + 16)
    density = read_float64(layer + 24)
    if lapse == 0.0:
        density *= math.exp(-_GRAVITY_OVER_GAS_CONSTANT * (height - base) / warm)
    else:
        ratio = 1.0 + lapse * (height - base) / warm
        density *= ratio ** (-1.0 - _GRAVITY_OVER_GAS_CONSTANT / lapse)
    return motion.speed * math.sqrt(_SEA_LEVEL_DENSITY / density)


@compiled
def vertical_span(motion: Motion, time: float, start: float, end: float) -> Span:
    """Return the step from altitude `start` to `end`; Simpson's rule gives the time under a parachute."""
    middle = 0.5 * (start + end)
    way = abs(end - start)
    if not motion.parachute:
        whole = way / motion.speed
        times = (time, time + 0.5 * whole, time + whole)
        return Span(times, (start, middle, end), (whole, whole, whole))
    first, half = way / falling_speed(motion, start), way / falling_speed(motion, middle)
    last = way / falling_speed(motion, end)
    whole = (first + 4.0 * half + last) / 6.0
    times = (time, time + 0.5 * whole + 0.125 * (first - last), time + whole)
    return Span(times, (start, middle, end), (first, half, last))


@compiled
def level_span(time: float, duration: float, alt: float) -> Span:
    """Return a step of `duration` (s) at `alt`."""
    times = (time, time + 0.5 * duration, time + duration)
    return Span(times, (alt, alt, alt), (duration, duration, duration))


@compiled
def cut(motion: Motion, span: Span, fraction: float) -> Span:
    """Return the first `fraction` of `span`."""
    start, end = span.alts[0], span.alts[2]
    if motion.phase == COASTING:
        return level_span(span.times[0], fraction * (span.times[2] - span.times[0]), start)
    return vertical_span(motion, span.times[0], start, start + fraction * (end - start))


@compiled
def cut_at_time(motion: Motion, span: Span, end: float) -> Span:
    """Return the part of `span` before time `end`."""
    for _ in range(20):
        if abs(span.times[2] - end) < _INSTANT:
            break
        span = cut(motion, span, (end - span.times[0]) / (span.times[2] - span.times[0]))
    return span


@compiled
def instant(span: Span, s: float) -> float:
    """Return the time at `s`: the cubic through the step's ends and their dt/ds."""
    r = 1.0 - s
    ends = r * r * (1.0 + 2.0 * s) * span.times[0] + s * s * (3.0 - 2.0 * s) * span.times[2]
    return ends + s * r * (r * span.weights[0] - s * span.weights[2])


@compiled
def altitude(span: Span, s: float) -> float:
    """Return the altitude at `s`."""
    return span.alts[0] + s * (span.alts[2] - span.alts[0])


@compiled
def _parallel(lat: float, near: _Parallel) -> float:
    """Return cos(lat), by the series about a latitude less than a degree away: right to 1e-11."""
    d = DEGREE * (lat - near.lat)
    return near.cos * (1.0 - d * d * (0.5 - d * d / 24.0)) - near.sin * d * (1.0 - d * d / 6.0)


@compiled
def _rates(
    field: Field, cell: Cell, polynomials: int, coeff: float, near: _Parallel, lat: float, lon: float,
    alt: float, time: float,
) -> tuple[float, float]:  # fmt: skip
    """Return dlat/dt and dlon/dt in degrees/s."""
    u, v = winds.wind(field, cell, polynomials, lat, lon, alt, time)
    scale = coeff / (DEGREE * (RADIUS + alt))
    return v * scale, u * scale / _parallel(lat, near)


@compiled
def _write_row(path: int, row: int, start: float, end: float, begin_slope: float, end_slope: float) -> None:
    write_float64(path + 32 * row, start)
    write_float64(path + 32 * row + 8, end)
    write_float64(path + 32 * row + 16, begin_slope)
    write_float64(path + 32 * row + 24, end_slope)


@compiled
def step(
    field: Field, cell: Cell, polynomials: int, coeff: float, place: Place, first: tuple[float, float],
    span: Span, path: int,
) -> None:  # fmt: skip
    """Take the fourth-order Runge-Kutta step `span`; `first` are the rates (degrees/s) at its start.

    Writes the rows lat and lon of `path`.
    """
    begin, half, end = span.weights
    near = _Parallel(place.lat, math.sin(DEGREE * place.lat), math.cos(DEGREE * place.lat))
    a0, b0 = first[0] * begin, first[1] * begin
    lat, lon = place.lat + 0.5 * a0, place.lon + 0.5 * b0
    north, east = _rates(field, cell, polynomials, coeff, near, lat, lon, span.alts[1], span.times[1])
    a1, b1 = north * half, east * half
    lat, lon = place.lat + 0.5 * a1, place.lon + 0.5 * b1
    north, east = _rates(field, cell, polynomials, coeff, near, lat, lon, span.alts[1], span.times[1])
    a2, b2 = north * half, east * half
    lat, lon = place.lat + a2, place.lon + b2
    north, east = _rates(field, cell, polynomials, coeff, near, lat, lon, span.alts[2], span.times[2])
    a3, b3 = north * end, east * end
    _write_row(path, 0, place.lat, place.lat + (a0 + 2.0 * (a1 + a2) + a3) / 6.0, a0, a3)
    _write_row(path, 1, place.lon, place.lon + (b0 + 2.0 * (b1 + b2) + b3) / 6.0, b0, b3)


@compiled
def _polar_rates(
    field: Field, cell: Cell, polynomials: int, coeff: float, x: float, y: float, z: float, alt: float,
    time: float,
) -> tuple[int, float, float, float]:  # fmt: skip
    """Return what the winds are (SOUND or not), and the velocity (1/s) of the unit vector (x, y, z)."""
    lat = math.atan2(z, math.hypot(x, y)) / DEGREE
    lon = math.atan2(y, x) / DEGREE
    here = winds.column_over(field, lat, lon, cell.layer, cell.slot)
    if not winds.is_here(field, here):
        return ABSENT, 0.0, 0.0, 0.0
    met = SOUND if winds.load(field, here, polynomials) else UNSOUND
    u, v = winds.wind(field, here, polynomials, lat, lon, alt, time)
    scale = coeff / (RADIUS + alt)
    sin_lat, cos_lat = math.sin(DEGREE * lat), math.cos(DEGREE * lat)
    sin_lon, cos_lon = math.sin(DEGREE * lon), math.cos(DEGREE * lon)
    east, north = scale * u, scale * v
    dx, dy = -east * sin_lon - north * sin_lat * cos_lon, east * cos_lon - north * sin_lat * sin_lon
    return met, dx, dy, north * cos_lat


@compiled
def polar_step(
    field: Field, cell: Cell, polynomials: int, coeff: float, place: Place, span: Span, path: int
) -> int:
    """Take the step `span` with the position as a unit vector; return what the winds met are (SOUND or not).

    Writes the rows x, y and z of `path`.  Columns are crossed in metres here: each stage looks up its own.
    """
    lat, lon = DEGREE * place.lat, DEGREE * place.lon
    start_x, start_y = math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon)
    start_z = math.sin(lat)
    x, y, z = start_x, start_y, start_z
    sum_x = sum_y = sum_z = 0.0
    dx = dy = dz = first_x = first_y = first_z = 0.0
    for stage in range(4):
        i = (stage + 1) // 2
        met, dx, dy, dz = _polar_rates(
            field, cell, polynomials, coeff, x, y, z, span.alts[i], span.times[i]
        )  # fmt: skip
        if met != SOUND:
            return met
        dx, dy, dz = dx * span.weights[i], dy * span.weights[i], dz * span.weights[i]
        if stage == 0:
            first_x, first_y, first_z = dx, dy, dz
        share = 2.0 if i == 1 else 1.0
        sum_x, sum_y, sum_z = sum_x + share * dx, sum_y + share * dy, sum_z + share * dz
        ahead = 1.0 if stage == 2 else 0.5
        x, y, z = start_x + ahead * dx, start_y + ahead * dy, start_z + ahead * dz
    _write_row(path, 0, start_x, start_x + sum_x / 6.0, first_x, dx)
    _write_row(path, 1, start_y, start_y + sum_y / 6.0, first_y, dy)
    _write_row(path, 2, start_z, start_z + sum_z / 6.0, first_z, dz)
    return SOUND


@compiled
def _hermite(path: int, row: int, s: float) -> float:
    """Return one coordinate at `s` by the cubic through the step's ends and slopes."""
    r = 1.0 - s
    at = path + 32 * row
    ends = r * r * (1.0 + 2.0 * s) * read_float64(at) + s * s * (3.0 - 2.0 * s) * read_float64(at + 8)
    return float(ends + s * r * (r * read_float64(at + 16) - s * read_float64(at + 24)))


@compiled
def along(path: int, polar: bool, s: float, near: float) -> tuple[float, float]:
    """Return (lat, lon) at `s` of the step; lon continuous with `near`."""
    if not polar:
        return _hermite(path, 0, s), _hermite(path, 1, s)
    x, y, z = _hermite(path, 0, s), _hermite(path, 1, s), _hermite(path, 2, s)
    lon = math.atan2(y, x) / DEGREE
    return math.atan2(z, math.hypot(x, y)) / DEGREE, lon + 360.0 * float(np.rint((near - lon) / 360.0))


@compiled
def _crossing(path: int, row: int, goal: float) -> float:
    """Return the s at which a coordinate reaches `goal`, which lies between its ends; regula falsi."""
    low, high = 0.0, 1.0
    before, after = read_float64(path + 32 * row) - goal, read_float64(path + 32 * row + 8) - goal
    s = 1.0
    for _ in range(6):
        s = low - before * (high - low) / (after - before)
        value = _hermite(path, row, s) - goal
        if value * before > 0.0:
            low, before = s, value
        else:
            high, after = s, value
    return s


@compiled
def way_out(field: Field, cell: Cell, polynomials: int, span: Span, path: int, coasting: bool) -> float:
    """Return the s just after the step leaves its cell sideways, or its layer while coasting; else 1."""
    s = 1.0
    lat, lon = read_float64(path + 8), read_float64(path + 32 + 8)
    nudge = winds.NUDGE / _METRES_PER_DEGREE
    north = 90.0 - cell.row / field.rows_per_degree
    south = 90.0 - (cell.row + 1) / field.rows_per_degree
    if lat > north + 2.0 * nudge and cell.row > 0:
        s = min(s, _crossing(path, 0, north + nudge))
    elif lat < south - 2.0 * nudge and cell.row < field.rows - 2:
        s = min(s, _crossing(path, 0, south - nudge))
    west, east = cell.column / field.columns_per_degree, (cell.column + 1) / field.columns_per_degree
    nudge /= math.cos(DEGREE * lat)
    if lon < west - 2.0 * nudge:
        s = min(s, _crossing(path, 1, west - nudge))
    elif lon > east + 2.0 * nudge:
        s = min(s, _crossing(path, 1, east + nudge))
    if coasting and field.heights_kind != winds.NO_HEIGHTS:
        s = min(s, _way_through(field, cell, polynomials, span, path))
    return s


@compiled
def _way_through(field: Field, cell: Cell, polynomials: int, span: Span, path: int) -> float:
    """Return the s at which a level sinks or rises past the coasting balloon; 1 if none does."""
    s = 1.0
    height = winds.geopotential(span.alts[0])
    for side in range(2):
        if (side == 0 and cell.layer < 0) or (side == 1 and cell.layer >= field.levels - 1):
            continue
        inside = 1.0 if side == 0 else -1.0  # above the lower face, below the upper one
        at = winds.fractions(field, cell, read_float64(path), read_float64(path + 32), span.times[0])
        before = inside * (height - winds.blend(polynomials, winds.HEIGHT_LOW + side, at))
        at = winds.fractions(field, cell, read_float64(path + 8), read_float64(path + 40), span.times[2])
        after = inside * (height - winds.blend(polynomials, winds.HEIGHT_LOW + side, at))
        if after < -2.0 * winds.NUDGE and before > after:
            s = min(s, max((before + winds.NUDGE) / (before - after), 0.0))
    return s
