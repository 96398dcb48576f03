"""The compiled integrator: flies many balloons through one member's winds.

The wind is a polynomial inside one cell of the grid and has a kink at every face.  A fourth-order step that
straddles a kink is second order at best, so a step stays in one cell and ends on the first face it meets;
then steps of minutes are right to centimetres.
"""

import hashlib
import inspect
import math
import sys
from collections.abc import Callable
from functools import cache
from typing import NamedTuple, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from habsim import earth, memory, step, touchdown
from habsim import field as winds
from habsim.arrays import Floats
from habsim.earth import RADIUS
from habsim.field import Cell, Field, Place
from habsim.memory import compiled, write_float64
from habsim.step import COASTING, RISING, SINKING, Motion, Span
from habsim.touchdown import Terrain

# Columns of a flight: seconds since the member's first slice, degrees, m, m, m, s, m/s, m/s, factor.
TIME, LAT, LON, ALT, BURST, COAST, ASCENT, DESCENT, COEFF = range(9)
FLIGHT_COLUMNS = 9
LANDING_COLUMNS = 4  # time, lat, lon, alt
NODE_COLUMNS = 8  # phase, time, lat, lon, alt, and the velocity east, north, up (m/s)

LANDED = 0
LEFT_FORECAST = 1
BAD_WIND = 2  # a wind or level height that is not finite, or heights out of order
MISSED = 3  # a column of the winds or a row of the ground that is not here; it is marked as wanted

_LONGEST = 480.0  # s, a step; beyond it the curvature of the path inside a cell shows
_FARTHEST_FALL = 2500.0  # m, a step under a parachute: keeps Simpson's rule for its time below 1e-6
_POLAR_LAT = 87.0  # degrees, beyond which position is a unit vector
_POLAR_LONGEST = 30.0  # s
_INSTANT = 1e-6  # s, by which a flight may pass the end of the forecast: rounding of Unix times


class _Track(NamedTuple):
    """Where the rows of a track go."""

    nodes: int  # address of float64 (row, NODE_COLUMNS)
    capacity: int


class _Scratch(NamedTuple):
    """Memory for one cell's polynomials and one step's path."""

    polynomials: int
    path: int


@compiled
def _note(track: _Track, count: int, motion: Motion, place: Place, u: float, v: float) -> int:
    """Write one row of the track, if one is kept and has room; return the number of rows."""
    if track.capacity == 0:
        return 0
    if count < track.capacity:
        up = 0.0
        if motion.phase != COASTING:
            up = step.falling_speed(motion, place.alt) * (1.0 - motion.phase)
        row = track.nodes + 8 * NODE_COLUMNS * count
        write_float64(row, float(motion.phase))
        write_float64(row + 8, place.time)
        write_float64(row + 16, place.lat)
        write_float64(row + 24, place.lon)
        write_float64(row + 32, place.alt)
        write_float64(row + 40, motion.coeff * u)
        write_float64(row + 48, motion.coeff * v)
        write_float64(row + 56, up)
    return count + 1


@compiled
def _face(
    field: Field, cell: Cell, polynomials: int, place: Place, motion: Motion, rates: tuple[float, float],
    speed: float,
) -> float:  # fmt: skip
    """Return the altitude at which the balloon leaves its layer, or an infinity where nothing bounds it.

    `rates` are dlat/dt and dlon/dt (degrees/s).  Where heights vary, the balloon meets the face somewhere
    else than where it is now: three rounds of looking there first.
    """
    rising = motion.phase == RISING
    if rising and cell.layer == field.levels - 1:
        return math.inf
    if not rising and cell.layer == -1:
        return -math.inf
    item = winds.HEIGHT_HIGH if rising else winds.HEIGHT_LOW
    if field.heights_kind == winds.NO_HEIGHTS:
        return winds.geometric(memory.read_float64(polynomials + 64 * item))
    alt = place.alt
    for _ in range(3):
        wait = min(abs(alt - place.alt) / speed, _LONGEST)
        lat, lon = place.lat + wait * rates[0], place.lon + wait * rates[1]
        at = winds.fractions(field, cell, lat, lon, place.time + wait)
        alt = winds.geometric(winds.blend(polynomials, item, at))
    return alt


@compiled
def _vertical_step(
    motion: Motion, place: Place, face: float, target: float, speed: float, longest: float
) -> Span:
    """Return the step towards `target` that ends on the first of: target, face, air's kinks, length."""
    way, least = speed * longest, speed * winds.LEAST
    if motion.parachute:
        way = min(way, _FARTHEST_FALL)
        for layer in range(1, motion.air_layers):
            above = place.alt - winds.geometric(memory.read_float64(motion.air + 32 * layer))
            if above > winds.NUDGE:
                way = min(way, max(above, least))
    way = min(way, max(abs(face - place.alt), least))
    end = place.alt + way if motion.phase == RISING else place.alt - way
    if way >= abs(target - place.alt):
        end = target
    return step.vertical_span(motion, place.time, place.alt, end)


@compiled
def _span(
    field: Field, cell: Cell, polynomials: int, place: Place, motion: Motion, target: float,
    rates: tuple[float, float], longest: float,
) -> Span:  # fmt: skip
    """Return the step to try from `place`: within its layer and time slot, not past `target`."""
    if motion.phase == COASTING:
        span = step.level_span(place.time, min(longest, target - place.time), place.alt)
    else:
        speed = step.falling_speed(motion, place.alt)
        face = _face(field, cell, polynomials, place, motion, rates, speed)
        span = _vertical_step(motion, place, face, target, speed, longest)
    edge = (cell.slot + 1) / field.slots_per_second
    if span.times[2] > edge + _INSTANT:
        span = step.cut_at_time(motion, span, edge)
    return span


@compiled
def _phase(
    field: Field, terrain: Terrain, motion: Motion, place: Place, target: float, layer: int,
    scratch: _Scratch, track: _Track, count: int,
) -> tuple[int, Place, int, int]:  # fmt: skip
    """Fly one phase to `target`: an altitude, or a time when coasting.

    Returns the status, where the phase ended, the layer there and the number of rows of the track.
    """
    polynomials, path = scratch.polynomials, scratch.path
    last = (field.times - 1) / field.slots_per_second
    while True:
        over = place.time >= target if motion.phase == COASTING else place.alt == target
        if not over and place.time > last - _INSTANT:
            return LEFT_FORECAST, place, layer, count
        if over and track.capacity == 0:
            return LANDED, place, layer, count
        cell = winds.locate(field, place, layer, winds.NUDGE * (1.0 - motion.phase))
        layer = cell.layer
        if layer == winds.NOT_HERE:
            return MISSED, place, layer, count
        if layer == winds.NO_LAYER or not winds.load(field, cell, polynomials):
            return BAD_WIND, place, layer, count
        u, v = winds.wind(field, cell, polynomials, place.lat, place.lon, place.alt, place.time)
        count = _note(track, count, motion, place, u, v)
        if over:
            return LANDED, place, layer, count

        polar = abs(place.lat) > _POLAR_LAT
        if polar:
            span = _span(field, cell, polynomials, place, motion, target, (0.0, 0.0), _POLAR_LONGEST)
            met = step.polar_step(field, cell, polynomials, motion.coeff, place, span, path)
            if met != step.SOUND:
                return MISSED if met == step.ABSENT else BAD_WIND, place, layer, count
        else:
            scale = motion.coeff / (step.DEGREE * (RADIUS + place.alt))
            rates = (v * scale, u * scale / math.cos(step.DEGREE * place.lat))
            span = _span(field, cell, polynomials, place, motion, target, rates, _LONGEST)
            step.step(field, cell, polynomials, motion.coeff, place, rates, span, path)
            s = step.way_out(field, cell, polynomials, span, path, motion.phase == COASTING)
            s = max(s, winds.LEAST / (span.times[2] - span.times[0]))
            if s < 1.0:
                span = step.cut(motion, span, s)
                step.step(field, cell, polynomials, motion.coeff, place, rates, span, path)

        s = touchdown.NOWHERE
        if motion.phase == SINKING and span.alts[2] < touchdown.HIGHEST:
            s = touchdown.touchdown(terrain, span, path, polar, place.lon)
            if touchdown.was_missed(terrain):
                return MISSED, place, layer, count
        if s == touchdown.NOWHERE:
            lat, lon = step.along(path, polar, 1.0, place.lon)
            place = Place(span.times[2], lat, lon, span.alts[2])
        else:
            lat, lon = step.along(path, polar, s, place.lon)
            target = step.altitude(span, s)
            place = Place(step.instant(span, s), lat, lon, target)


@compiled
def _flight(
    field: Field, terrain: Terrain, air: int, air_layers: int, plan: tuple[float, ...], parachute: bool,
    scratch: _Scratch, track: _Track,
) -> tuple[int, Place, int]:  # fmt: skip
    """Fly one plan (columns as above); return the status, where it ended and the rows of its track."""
    place = Place(plan[TIME], plan[LAT], plan[LON], plan[ALT])
    status, layer, count = LANDED, -1, 0
    if place.alt < plan[BURST]:
        motion = Motion(RISING, plan[ASCENT], False, plan[COEFF], air, air_layers)
        status, place, layer, count = _phase(
            field, terrain, motion, place, plan[BURST], layer, scratch, track, count
        )
    if status == LANDED and plan[COAST] > 0.0:
        motion = Motion(COASTING, 0.0, False, plan[COEFF], air, air_layers)
        status, place, layer, count = _phase(
            field, terrain, motion, place, place.time + plan[COAST], layer, scratch, track, count
        )
    if status == LANDED:
        motion = Motion(SINKING, plan[DESCENT], parachute, plan[COEFF], air, air_layers)
        grounded = place.alt <= max(touchdown.ground(terrain, place.lat, place.lon), 0.0)
        if touchdown.was_missed(terrain):
            return MISSED, place, count
        status, place, layer, count = _phase(
            field, terrain, motion, place, place.alt if grounded else 0.0, layer, scratch, track, count
        )
    return status, place, count


def fly(
    field: Field,
    air: Floats,
    terrain: Terrain,
    flights: Floats,
    parachute: bool,
    landings: Floats,
    statuses: NDArray[np.int8],
    nodes: Floats,
) -> int:
    """Fly every row of `flights`; return how many rows the first one's track has, or would have.

    `flights` is (flight, FLIGHT_COLUMNS), `landings` (flight, LANDING_COLUMNS), `statuses` (flight,), `nodes`
    (row, NODE_COLUMNS), with no rows where no track is wanted; a longer track is cut.  `air` is (layer, 4):
    base height (m), temperature (K), lapse (K/m) and density (kg/m3) of the standard atmosphere; `terrain`
    the ground, whose flag that says if any row was missed is cleared before each flight.

    A flight that did not land leaves in `landings` where it stopped.  Longitudes are continuous with the
    launch.  The inputs are trusted: finite, within the limits of a flight plan, launched within the forecast.
    """
    polynomials, path = np.zeros(winds.POLYNOMIALS_SIZE), np.empty(step.PATH_SIZE)
    scratch = _Scratch(polynomials.ctypes.data, path.ctypes.data)
    rows = 0
    for number in range(flights.shape[0]):
        f = flights[number]
        plan = (f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8])
        if terrain.present != 0:
            memory.lower_flag(terrain.wanted + terrain.rows)
        track = _Track(nodes.ctypes.data, nodes.shape[0] if number == 0 else 0)
        status, place, count = _flight(
            field, terrain, air.ctypes.data, air.shape[0], plan, parachute, scratch, track
        )
        if number == 0:
            rows = count
        landings[number, 0], landings[number, 1] = place.time, place.lat
        landings[number, 2], landings[number, 3] = place.lon, place.alt
        statuses[number] = status
    return rows


def digest() -> str:
    """Return 12 hex digits that say all the sources of what is compiled."""
    modules = (sys.modules[__name__], earth, memory, winds, step, touchdown)
    sources = "".join(inspect.getsource(module) for module in modules)
    return hashlib.sha256(sources.encode()).hexdigest()[:12]


@cache
def compile_fly() -> Callable[..., int]:
    """Return `fly` compiled; a process's first call compiles it (seconds) or loads it from Numba's cache.

    The cache looks at the date of this file alone, so the name it files under says what all the sources say.
    """
    fly.__qualname__ = f"fly_{digest()}"
    return cast(Callable[..., int], njit(nogil=True, cache=True, error_model="numpy")(fly))


def warm_up() -> None:
    """Compile `fly`, or load it from the cache, by flying once in still air."""
    memory_block, air = np.zeros(64), np.array([[0.0, 288.15, 0.0, 1.225]])
    at = memory_block.ctypes.data
    terrain = Terrain(at, 2, 4)
    field = Field(at, at, at, winds.NO_HEIGHTS, 1.0, False, 2, 2, 1, 2, 1 / 180, 1 / 360, 1 / 21600)
    plan = np.array([[0.0, 0.0, 0.0, 0.0, 100.0, 60.0, 5.0, 5.0, 1.0]])
    compile_fly()(
        field, air, terrain, plan, True, np.empty((1, LANDING_COLUMNS)), np.empty(1, np.int8),
        np.empty((0, NODE_COLUMNS)),
    )  # fmt: skip
