"""Made-up atmospheres and terrain as arrays of a member file's layout, the same on every run.

Winds are float16 (lat, lon, level, time, 2), rows from 90 to -90 degrees, columns from 0 to 360 inclusive.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.standard import standard_heights

Floats = NDArray[np.float64]
Halves = NDArray[np.float16]

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z
INTERVAL = 21_600.0  # s
DAY = 86_400.0  # s
LEVELS_HPA = (1, 2, 3, 5, 7, 20, 30, 70, 150, 350, 450, 550, 600, 650, 750, 800, 900, 950, 975)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where winds are known; its axes broadcast to (lat, lon, level, time)."""

    rows: int = 37
    columns: int = 73
    times: int = 3
    levels_hpa: tuple[float, ...] = LEVELS_HPA

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of a quantity on this grid: (lat, lon, level, time)."""
        return self.rows, self.columns, len(self.levels_hpa), self.times

    @property
    def lat(self) -> Floats:
        """Latitudes in radians."""
        degrees = np.linspace(90.0, -90.0, self.rows)
        return np.radians(degrees)[:, None, None, None]

    @property
    def lon(self) -> Floats:
        """Longitudes in radians; the last is the first again, so that their columns are equal to the bit."""
        degrees = np.linspace(0.0, 360.0, self.columns)
        degrees[-1] = 0.0
        return np.radians(degrees)[:, None, None]

    @property
    def rise(self) -> Floats:
        """Heights of the levels in kilometres, by the logarithm of pressure."""
        return 7.0 * np.log(1013.25 / np.array(self.levels_hpa, float))[:, None]

    @property
    def days(self) -> Floats:
        """Days since the first slice."""
        return np.arange(self.times, dtype=float) * INTERVAL / DAY


def still(grid: Grid) -> Halves:
    """Return no wind."""
    return uniform(grid, 0.0, 0.0)


def uniform(grid: Grid, u: float, v: float) -> Halves:
    """Return the same components (m/s) everywhere; at the poles no one wind."""
    return _stored(grid, u, v)


def solid_body(grid: Grid, speed: float, lat: float = 90.0, lon: float = 0.0) -> Halves:
    """Return a rotation of the whole about the axis through `lat`, `lon` (degrees), eastward seen from there.

    It reaches `speed` (m/s) a quarter of the way round from the axis and is one wind at the poles, too.
    """
    return _stored(grid, *_rotation(grid, speed, lat, lon))


def jets(grid: Grid) -> Halves:
    """Return smooth winds: two jets, easterlies above, travelling waves, and a flow across each pole."""
    return _stored(grid, *_jets(grid))


def rough(grid: Grid, seed: int = 1) -> Halves:
    """Return the winds of `jets` under noise of 4.5 m/s rms, its spectrum k^(-5/3) down to the grid's cells.

    Towards the poles, past 60 degrees, the noise fades, so that there is one wind at each.
    """
    random = np.random.default_rng(seed)
    fade = np.minimum(1.0, 2.0 * np.cos(grid.lat))
    eastward, northward = _jets(grid)
    return _stored(grid, eastward + fade * _gusts(grid, random), northward + fade * _gusts(grid, random))


def heights(grid: Grid) -> NDArray[np.float32]:
    """Return geopotential heights (m): the standard atmosphere's, up to 600 m off, lowest over the poles.

    At the top a broad wave differs by 30 m between neighbouring degrees, and a small one, 10 degrees long, is
    36 m high.
    """
    lat, lon, rise, days = grid.lat, grid.lon, grid.rise, grid.days
    growth = 60.0 + 540.0 * np.clip((rise - 1.2) / 31.0, 0.0, 1.0)
    travelling = np.cos(lat) ** 2 * np.cos(2.0 * lon + 3.0 * lat + rise / 10.0 - 1.5 * days)
    broad = 0.45 - 1.4 * np.sin(lat) ** 4 + 0.45 * travelling
    small = 0.06 * np.cos(lat) * np.cos(30.0 * lat) * np.cos(36.0 * lon + 0.3 * rise - 4.0 * days)
    standard = standard_heights(grid.levels_hpa)[:, None]
    return np.broadcast_to(standard + growth * (broad + small), grid.shape).astype(np.float32)


def terrain(rows: int = 180, columns: int = 360, seed: int = 2) -> NDArray[np.int16]:
    """Return ground altitudes (m) from 90 S up, shape (rows, columns): sea, ridges, coasts below the sea."""
    random = np.random.default_rng(seed)
    land = _noise(columns // 2, columns, random, 2.2)
    ridges = 1.0 - np.abs(_noise(columns // 2, columns, random, 1.6))
    altitude = 900.0 * land - 120.0 + 2500.0 * np.clip(land, 0.0, 1.5) * np.clip(ridges, 0.0, None) ** 2
    return np.where(land > 0.0, altitude, 0.0)[-rows:].round().astype(np.int16)


def _stored(grid: Grid, u: Floats | float, v: Floats | float) -> Halves:
    """Return components as a member file holds them."""
    parts = [np.broadcast_to(np.asarray(part, np.float16), grid.shape) for part in (u, v)]
    return np.stack(parts, -1)


def _rotation(grid: Grid, speed: float, lat: float, lon: float) -> tuple[Floats, Floats]:
    """Return u and v of a solid body, shape (lat, lon, 1, 1)."""
    tilt, turn = math.radians(lat), grid.lon - math.radians(lon)
    east = math.sin(tilt) * np.cos(grid.lat) - math.cos(tilt) * np.sin(grid.lat) * np.cos(turn)
    return speed * east, speed * math.cos(tilt) * np.sin(turn) * np.ones_like(grid.lat)


def _jets(grid: Grid) -> tuple[Floats, Floats]:
    """Return u and v of `jets`, shape (lat, lon, level, time)."""
    lat, lon, rise, days = grid.lat, grid.lon, grid.rise, grid.days
    ring, tropopause = np.cos(lat), np.exp(-(((rise - 11.0) / 5.0) ** 2))
    above = 0.5 + 0.5 * np.tanh((rise - 22.0) / 4.0)
    across, along = _rotation(grid, 8.0, 0.0, 50.0)
    eastward = (
        70.0 * np.sin(2.0 * lat) ** 2 * ring * tropopause
        - 16.0 * ring**2 * above
        + 7.0 * ring * np.cos(5.0 * lon + 2.0 * lat + 0.12 * rise - 1.3 * days)
        + across
    )
    northward = (
        12.0 * ring * tropopause * np.cos(6.0 * lon + lat + 0.1 * rise - 1.6 * days)
        + 2.0 * ring * np.cos(22.0 * lon - 8.0 * lat + 0.3 * rise - 5.0 * days)
        + along
    )
    return eastward, northward


def _gusts(grid: Grid, random: np.random.Generator) -> Floats:
    """Return noise of 4.5 m/s rms, shape (lat, lon, level, time): a few maps that come and go with height."""
    count = 12
    noise = [_noise(grid.rows, grid.columns - 1, random, 4.0 / 3.0) for _ in range(count)]
    maps = np.stack([np.column_stack([each, each[:, :1]]) for each in noise], -1)
    upward, onward, phase = random.uniform([[0.2], [2.0], [0.0]], [[1.0], [8.0], [2.0 * np.pi]], (3, count))
    weights = np.cos(grid.rise[..., None] * upward + grid.days[:, None] * onward + phase)
    gusts: Floats = np.einsum("ijm,ktm->ijkt", maps, weights, optimize=True)
    return 4.5 * math.sqrt(2.0 / count) * gusts


def _noise(rows: int, columns: int, random: np.random.Generator, slope: float) -> Floats:
    """Return a map of noise, mean 0 and rms 1, whose amplitude falls as (wave number) ** -slope."""
    spectrum = np.fft.rfft2(random.standard_normal((rows, columns)))
    waves = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)) * columns
    spectrum *= np.where(waves > 0.0, np.maximum(waves, 3.0) ** -slope, 0.0)
    result = np.fft.irfft2(spectrum, (rows, columns))
    return np.asarray(result / result.std())
