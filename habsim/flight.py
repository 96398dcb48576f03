"""What a flight is asked to do, and the limits of what may be asked."""

from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from habsim import kernel
from habsim.arrays import Floats
from habsim.errors import InvalidRequestError
from habsim.marks import Partly
from habsim.touchdown import Terrain

LATS = (-90.0, 90.0)
LONS = (-180.0, 180.0)
ALTS = (0.0, 50_000.0)  # m; a burst stays below the upper one
COASTS = (0.0, 48 * 3600.0)  # s
RATES = (0.1, 20.0)  # m/s
COEFFS = (0.5, 1.5)


class Ground(Protocol):
    """Ground heights, as physics needs them."""

    @property
    def partly(self) -> Partly | None:
        """What fetches rows that are missing, where any may be."""

    @property
    def terrain(self) -> Terrain:
        """The grid, as the kernel takes it."""

    def at(self, lat: ArrayLike, lon: ArrayLike) -> Floats:
        """Return the ground (m) under positions in degrees; same shape."""


@dataclass(frozen=True, slots=True)
class FlightPlan:
    """One flight: up at `ascent` to `burst`, `coast` seconds there, down at `descent` to the ground.

    Units: Unix seconds, degrees, metres, seconds, m/s.  `coeff` scales the wind; with `parachute`, `descent`
    is the rate at sea level.  Raises `InvalidRequestError` naming the parameter of the API that is wrong.
    """

    time: float
    lat: float
    lon: float
    alt: float
    burst: float
    coast: float
    ascent: float
    descent: float
    coeff: float = 1.0
    parachute: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            if not isfinite(getattr(self, field.name)):
                raise InvalidRequestError(f"{field.name} must be a finite number")
        _check("lat", self.lat, LATS, "degrees")
        _check("lon", self.lon, LONS, "degrees")
        _check("alt", self.alt, ALTS, "m")
        _check("eqtime", self.coast / 3600.0, (COASTS[0] / 3600.0, COASTS[1] / 3600.0), "hours")
        _check("asc", self.ascent, RATES, "m/s")
        _check("desc", self.descent, RATES, "m/s")
        _check("coeff", self.coeff, COEFFS, "times the wind")
        if not self.alt <= self.burst < ALTS[1]:
            raise InvalidRequestError(
                f"equil must be at least alt ({self.alt:g} m) and below {ALTS[1]:g} m, not {self.burst:g}"
            )

    def raised(self, ground: float) -> "FlightPlan":
        """Return the plan launched from `ground` (m) if it was to start below; nothing else changes.

        Raises `InvalidRequestError` if the burst lies under the ground.
        """
        if self.burst < ground:
            raise InvalidRequestError(
                f"equil ({self.burst:g} m) is under the ground at the launch: "
                f"it must be from {ground:.1f} to below {ALTS[1]:g} m"
            )
        return replace(self, alt=max(self.alt, ground))

    def columns(self) -> Floats:
        """Return the plan as one row of the kernel's flights, shape (1, column); time is Unix time."""
        row = np.empty((1, kernel.FLIGHT_COLUMNS))
        row[0, kernel.TIME], row[0, kernel.LAT], row[0, kernel.LON] = self.time, self.lat, self.lon
        row[0, kernel.ALT], row[0, kernel.BURST], row[0, kernel.COAST] = self.alt, self.burst, self.coast
        row[0, kernel.ASCENT], row[0, kernel.DESCENT] = self.ascent, self.descent
        row[0, kernel.COEFF] = self.coeff
        return row


def _check(name: str, value: float, limits: tuple[float, float], unit: str) -> None:
    low, high = limits
    if not low <= value <= high:
        raise InvalidRequestError(f"{name} must be from {low:g} to {high:g} {unit}, not {value:g}")
