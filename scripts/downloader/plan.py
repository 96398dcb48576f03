"""What is wanted of a cycle: members, hours, grid; where it lies in NOAA's tree, and what it costs.

    gefs.20261124/06/atmos/pgrb2ap5/gep01.t06z.pgrb2a.0p50.f003     12 levels, 10 to 1000 hPa
    gefs.20261124/06/atmos/pgrb2bp5/gep01.t06z.pgrb2b.0p50.f003     the other 19
    (each with an inventory, .idx)

The tree is the same in the bucket noaa-gefs-pds and on NOMADS.
"""

from dataclasses import dataclass

import numpy as np

from habsim.arrays import Floats
from habsim.cycle import Cycle
from habsim.errors import InvalidRequestError

LEVELS_HPA = {
    "a": (1000.0, 925.0, 850.0, 700.0, 500.0, 400.0, 300.0, 250.0, 200.0, 100.0, 50.0, 10.0),
    "b": (
        *(975.0, 950.0, 900.0, 800.0, 750.0, 650.0, 600.0, 550.0, 450.0, 350.0, 150.0),
        *(70.0, 30.0, 20.0, 7.0, 5.0, 3.0, 2.0, 1.0),
    ),
}
MEMBERS = 31  # the control run and 30 perturbed ones
NATIVE = 0.5  # degrees
FINE_HOURS, FINE_STEP, HOURS, STEP = 240, 3, 384, 6  # every 3 h to 240 h, then every 6 h to 384 h
_MESSAGE_BYTES = 225_000  # mean of the wanted ones in NOAA's inventories of 0.5 degree, 2026-07
_SMALL = 4096  # bytes of a member file, at most, beside its two big arrays


@dataclass(frozen=True, slots=True)
class Plan:
    """One cycle as it is to be published: members 0 to `members` - 1, hours 0 to `hours` every `step`.

    Raises `InvalidRequestError` for what GEFS does not have.
    """

    cycle: Cycle
    members: int = 21
    hours: int = 96
    step: int = 3
    resolution: float = 1.0  # degrees
    heights: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.members <= MEMBERS:
            raise InvalidRequestError(f"GEFS has members 1 to {MEMBERS}, not {self.members}")
        if self.step < 1 or self.hours < self.step or self.hours % self.step or self.hours > HOURS:
            raise InvalidRequestError(
                f"hours must be a multiple of the step, up to {HOURS}: not {self.hours} every {self.step}"
            )
        coarsest = FINE_STEP if self.hours <= FINE_HOURS else STEP
        if self.step % coarsest:
            raise InvalidRequestError(
                f"to {self.hours} h GEFS has every {coarsest} h: the step cannot be {self.step} h"
            )
        if self.resolution < NATIVE or self.resolution % NATIVE or 180.0 % self.resolution:
            raise InvalidRequestError(
                f"a grid of {NATIVE:g} degrees cannot be thinned to {self.resolution:g} degrees"
            )

    @property
    def times(self) -> range:
        """The forecast hours."""
        return range(0, self.hours + 1, self.step)

    @property
    def levels_hpa(self) -> Floats:
        """All pressure levels, upwards."""
        return np.array(sorted(sum(LEVELS_HPA.values(), ()), reverse=True))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape (lat, lon, level, time) of a member file."""
        rows, columns = round(180.0 / self.resolution) + 1, round(360.0 / self.resolution) + 1
        return rows, columns, self.levels_hpa.size, len(self.times)

    @property
    def slice_bytes(self) -> int:
        """Size of one time of one member, unpacked."""
        rows, columns, levels, _ = self.shape
        return rows * columns * levels * (6 if self.heights else 4)

    @property
    def member_bytes(self) -> int:
        """Size of a member file, but for less than 4096 bytes."""
        return self.slice_bytes * len(self.times)

    @property
    def files(self) -> int:
        """How many times of all members there are, each of two GRIB2 files."""
        return self.members * len(self.times)

    @property
    def traffic(self) -> int:
        """Bytes that will be fetched, about."""
        return self.files * self.levels_hpa.size * (3 if self.heights else 2) * _MESSAGE_BYTES

    def holds(self, size: int) -> bool:
        """Return whether a member file of this plan may have `size` bytes."""
        return self.member_bytes < size < self.member_bytes + _SMALL

    def requests(self, ranges: int) -> int:
        """Return how many requests it takes with `ranges` for each GRIB2 file, and one for its inventory."""
        return self.files * len(LEVELS_HPA) * (1 + ranges)


def grib_path(cycle: Cycle, member: int, product: str, hour: int) -> str:
    """Return where NOAA's tree has one GRIB2 file; `product` is "a" or "b"."""
    day, run = cycle.name[:8], cycle.name[8:]
    name = "gec00" if member == 0 else f"gep{member:02d}"
    folder = f"gefs.{day}/{run}/atmos/pgrb2{product}p5"
    return f"{folder}/{name}.t{run}z.pgrb2{product}.0p50.f{hour:03d}"
