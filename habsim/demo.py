"""The demonstration atmosphere: what a server with nothing configured flies in.

Closed form, moving and plausible, and nobody's forecast.  It is the standard atmosphere plus a sum of
patterns, each a product of one function of latitude, pressure, longitude and time:

    height = standard(p) + Re sum of  meridional(lat) vertical(p) swing(time, member) exp(i wavenumber lon)

A pattern is a jet (wavenumber 0) or a wave; both are sech^2 bumps in sin(lat) and in ln p.  Temperature is
the hydrostatic one of these heights and the wind is their geostrophic wind, both exactly and everywhere: a
wave carries the factor sin^2(lat) cos^2(lat), so its wind is finite on the equator and vanishes at the poles.

The weather is a function of Unix time, so that one cycle carries on where another left off.  Members other
than 0 leave it as the lead grows: their waves run ahead or lag, their jets are stronger or weaker.

Span: a server takes the cycle that started 6 to 12 h before now and keeps it for 12 h, so its oldest demo
started 24 h before now; with 72 h still to come, and 6 h for a flight that starts then, that makes 102 h.

Source of the two balances: Holton and Hakim, An Introduction to Dynamic Meteorology, 5th ed.  The sizes of
jets and waves are round numbers chosen for the look of it; nothing is fitted.
"""

from datetime import UTC, datetime
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from habsim import atmosphere, member
from habsim.arrays import Floats
from habsim.atmosphere import GAS_CONSTANT, GRAVITY
from habsim.cycle import Cycle
from habsim.earth import RADIUS

ORIGIN = "HABSIM demonstration: a synthetic atmosphere, not a forecast"
LEVELS_HPA = np.array(
    [1000, 925, 850, 700, 500, 400, 350, 300, 250, 200, 150, 100, 70, 50, 30, 20, 10, 7, 5, 3, 2], float
)
LATS = np.linspace(90.0, -90.0, 46)
LONS = np.linspace(0.0, 360.0, 91)
INTERVAL = 6 * 3600.0
HOURS = 102  # from the cycle's hour to the last slice
LONGEST_AGE = 24 * 3600.0  # s after its hour, when a cycle is to be remade
HEIGHTS_STEP = 2.0  # m: int16 then reaches 65 km

Complexes = NDArray[np.complex128]


class _Pattern(NamedTuple):
    """A jet or wave of the northern hemisphere; the southern one is its mirror, half a year later."""

    lat: float  # of the centre, as is `level_hpa`
    width: float  # in sin(lat)
    level_hpa: float
    depth: float  # in ln p
    january: float  # speed (m/s) of a jet, height (m) of a wave
    july: float
    wavenumber: int = 0
    speed: float = 0.0  # m/s eastward, at the centre
    tilt: float = 0.0  # radians for each unit of -ln p: crests lean westward with height


_NORTH = (
    _Pattern(40.0, 0.15, 205.0, 1.0, 40.0, 36.0),  # the jet stream
    _Pattern(62.0, 0.12, 1.0, 2.5, 50.0, -5.0),  # the polar vortex
    _Pattern(25.0, 0.30, 1.0, 2.5, -5.0, -40.0),  # the stratospheric easterlies of summer
    _Pattern(14.0, 0.15, 900.0, 0.6, -6.0, -5.0),  # the trade winds
    _Pattern(60.0, 0.20, 3.0, 2.0, 250.0, 20.0, 1, -3.0, 0.5),  # planetary waves
    _Pattern(60.0, 0.20, 5.0, 2.0, 120.0, 10.0, 2, 2.0, 0.5),
    _Pattern(50.0, 0.20, 300.0, 1.5, 60.0, 50.0, 2, -2.0, 0.2),
    _Pattern(48.0, 0.20, 300.0, 1.5, 60.0, 50.0, 3, 2.0, 0.2),
    _Pattern(64.0, 0.12, 300.0, 1.4, 50.0, 45.0, 3, 4.0, 0.2),
    _Pattern(50.0, 0.18, 300.0, 1.2, 50.0, 45.0, 4, 6.0, 0.3),  # synoptic waves
    _Pattern(65.0, 0.12, 300.0, 1.2, 45.0, 40.0, 4, 5.0, 0.3),
    _Pattern(42.0, 0.18, 300.0, 1.2, 45.0, 40.0, 5, 9.0, 0.3),
    _Pattern(58.0, 0.14, 300.0, 1.2, 45.0, 40.0, 5, 7.0, 0.3),
    _Pattern(45.0, 0.16, 300.0, 1.2, 40.0, 35.0, 6, 11.0, 0.3),
    _Pattern(57.0, 0.14, 300.0, 1.2, 40.0, 35.0, 6, 8.0, 0.3),
    _Pattern(36.0, 0.16, 300.0, 1.2, 35.0, 30.0, 7, 13.0, 0.3),
    _Pattern(50.0, 0.14, 300.0, 1.2, 30.0, 25.0, 7, 10.0, 0.3),
    _Pattern(44.0, 0.14, 300.0, 1.2, 25.0, 20.0, 8, 14.0, 0.3),
)
_SOUTH = tuple(north._replace(lat=-north.lat, january=north.july, july=north.january) for north in _NORTH)
_LAT, _WIDTH, _LEVEL_HPA, _DEPTH, _JANUARY, _JULY, _WAVENUMBER, _SPEED, _TILT = np.array(_NORTH + _SOUTH).T

_SIN, _COS = np.sin(np.radians(_LAT)), np.cos(np.radians(_LAT))
_JET = _WAVENUMBER == 0.0
_ROTATION = 7.292115e-5  # rad/s, of the Earth; WGS 84
_BALANCE = 2.0 * _ROTATION * RADIUS / GRAVITY  # s: f u = g dH/dy is _BALANCE sin(lat) u = dH/dlat
_RATES = _WAVENUMBER * _SPEED / (RADIUS * _COS)  # rad/s
_PHASES = np.random.Generator(np.random.Philox(key=0)).uniform(0.0, 2.0 * np.pi, _LAT.size)

_MIDWINTER = datetime(2025, 1, 15, tzinfo=UTC).timestamp()
_YEAR = 365.2425 * 86400.0
_EARLY = 1.0 / 70.0  # divergence of the members at the cycle's hour
_GROWTH = 13.5 * 3600.0  # s, in which it grows e-fold at first
_LAG = 1.8  # rad, by which a member's wave is early or late at most
_SURGE = 0.15  # by which ln of a member's jet speed is off at most


class State(NamedTuple):
    """The air at some places: `u`, `v` in m/s, geopotential `height` in m, `temperature` in K."""

    u: Floats
    v: Floats
    height: Floats
    temperature: Floats


def state(
    lat: ArrayLike, lon: ArrayLike, pressure_hpa: ArrayLike, time: ArrayLike, cycle: Cycle, number: ArrayLike
) -> State:
    """Return the air of member `number` there and then; the arguments, but for `cycle`, broadcast."""
    height, u, v = _meridional(np.asarray(lat, float))
    profile, slope = _vertical(np.asarray(pressure_hpa, float))
    now = _swing(np.asarray(time, float), cycle, np.asarray(number))
    around = now * np.exp(1j * _WAVENUMBER * np.radians(np.asarray(lon, float))[..., None])
    base = atmosphere.height(pressure_hpa)
    warmth = GRAVITY / GAS_CONSTANT * _total(height * slope * around)
    return State(
        u=_total(u * profile * around),
        v=_total(v * profile * around),
        height=base + _total(height * profile * around),
        temperature=atmosphere.temperature(base) + warmth,
    )


def _total(patterns: Complexes) -> Floats:
    return np.asarray(patterns.real.sum(-1))


def _meridional(lat: Floats) -> tuple[Floats, Floats, Complexes]:
    """Return height (m), u and v (m/s) of each pattern at unit strength; shape of `lat` + (pattern,).

    With s = sin(lat), B = `_BALANCE`, x = (s - s0) / width, the wind is u = -cos(lat) dH/ds / (B s) and
    v = dH/dlon / (B s cos(lat)).  A jet has u = cos(lat) sech^2 x, and H by its integral, which is closed; a
    wave has H = s^2 cos^2(lat) sech^2 x.  All are scaled to 1 at the centre.
    """
    sin, cos = np.sin(np.radians(lat))[..., None], np.cos(np.radians(lat))[..., None]
    bend = np.tanh((sin - _SIN) / _WIDTH)
    bump = 1.0 - bend**2
    scale = 1.0 / (_SIN * _COS) ** 2
    curve = (2.0 - 4.0 * sin**2) * bump - 2.0 * sin * cos**2 * bend * bump / _WIDTH  # dH/ds / s
    height = np.where(_JET, -_BALANCE / _COS * (_bowl(sin) - _BOWL_MEAN), scale * (sin * cos) ** 2 * bump)
    u = np.where(_JET, cos / _COS * bump, -scale / _BALANCE * cos * curve)
    v = 1j * scale / _BALANCE * _WAVENUMBER * sin * cos * bump
    return height, u, v


def _bowl(sin: Floats) -> Floats:
    """Return the integral of s sech^2 x over s; shape of `sin`, which ends in 1, with (pattern,) there."""
    x = (sin - _SIN) / _WIDTH
    return np.asarray(_WIDTH * sin * np.tanh(x) - _WIDTH**2 * np.logaddexp(x, -x))


_BOWL_MEAN = _bowl(np.linspace(-1.0, 1.0, 1001)[:, None]).mean(0)  # over the globe: equal areas in sin(lat)


def _vertical(pressure_hpa: Floats) -> tuple[Complexes, Complexes]:
    """Return each pattern's profile and its derivative by -ln p; shape of `pressure_hpa` + (pattern,)."""
    up = np.log(_LEVEL_HPA / pressure_hpa[..., None])
    bend = np.tanh(up / _DEPTH)
    profile = (1.0 - bend**2) * np.exp(1j * _TILT * up)
    return profile, profile * (1j * _TILT - 2.0 * bend / _DEPTH)


def _swing(time: Floats, cycle: Cycle, number: NDArray[np.int64]) -> Complexes:
    """Return each pattern's strength and phase; shape of `time` and `number`, broadcast, + (pattern,)."""
    when = time[..., None]
    winter = 0.5 + 0.5 * np.cos(2.0 * np.pi * (when - _MIDWINTER) / _YEAR)
    strength = _JULY + (_JANUARY - _JULY) * winter
    phase = np.where(_JET, 0.0, _PHASES - _RATES * when)
    astray = _divergence(when - cycle.time) * _draws(cycle, int(number.max()) + 1)[number]
    return np.asarray(strength * np.exp(1j * phase + astray * np.where(_JET, _SURGE, 1j * _LAG)))


def _divergence(lead: Floats) -> Floats:
    """Return how far members have come apart at `lead` (s), 0 to 1: exponential growth that saturates."""
    return np.asarray(1.0 / (1.0 + (1.0 / _EARLY - 1.0) * np.exp(-lead / _GROWTH)))


def _draws(cycle: Cycle, members: int) -> Floats:
    """Return what sets members apart, in [-1, 1), shape (member, pattern); nothing does so to member 0.

    More members do not change the earlier ones.
    """
    generator = np.random.Generator(np.random.Philox(key=int(cycle.time)))
    draws = generator.uniform(-1.0, 1.0, (members, _LAT.size))
    draws[0] = 0.0
    return draws


def fields(cycle: Cycle, number: int) -> tuple[NDArray[np.float16], NDArray[np.int16]]:
    """Return the winds and heights of member `number` as a member file holds them."""
    times = cycle.time + np.arange(0.0, HOURS * 3600.0 + 1.0, INTERVAL)
    profile, _ = _vertical(LEVELS_HPA)
    now = _swing(times, cycle, np.asarray(number))
    columns = profile.T[:, :, None] * now.T[:, None, :]  # (pattern, level, time)
    shape = LATS.size, LONS.size, LEVELS_HPA.size, times.size
    wind, heights = np.empty((*shape, 2), np.float16), np.empty(shape, np.int16)
    height, u, v = (_around(factor, columns) for factor in _meridional(LATS))
    wind[:, :-1, :, :, 0], wind[:, :-1, :, :, 1] = u, v
    heights[:, :-1] = np.rint((height + atmosphere.height(LEVELS_HPA)[:, None]) / HEIGHTS_STEP)
    wind[:, -1], heights[:, -1] = wind[:, 0], heights[:, 0]
    return wind, heights


def _around(rows: Floats | Complexes, columns: Complexes) -> Floats:
    """Return the sum of all patterns on the grid, without the repeated meridian: (lat, lon, level, time).

    `rows` is (lat, pattern), `columns` (pattern, level, time).  A Fourier series in longitude, whose inverse
    transform counts each wave twice, once for its conjugate.  (A matrix product would do; but the threads of
    BLAS spin where the processors are busy.)
    """
    series = np.zeros((len(LATS), int(_WAVENUMBER.max()) + 1, *columns.shape[1:]), complex)
    for pattern, wavenumber in enumerate(_WAVENUMBER.astype(int)):
        share = 0.5 if wavenumber else 1.0
        series[:, wavenumber] += share * rows[:, pattern, None, None] * columns[pattern]
    return np.fft.irfft(series, len(LONS) - 1, axis=1, norm="forward")


def write_member(stream: BinaryIO, cycle: Cycle, number: int) -> None:
    """Write the member file of member `number` to `stream`."""
    wind, heights = fields(cycle, number)
    member.write(stream, wind, LEVELS_HPA, cycle.time, INTERVAL, heights, HEIGHTS_STEP, ORIGIN)
