"""Cycles: one run of the forecast model, named by its UTC hour."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from habsim.errors import InvalidRequestError

HOURS = (0, 6, 12, 18)
PERIOD = 6 * 3600


@dataclass(frozen=True, slots=True, order=True)
class Cycle:
    """One GEFS run; `name` is `YYYYMMDDHH` with hour 00, 06, 12 or 18.

    Raises `InvalidRequestError` for any other name, so a `Cycle` is safe to build file names from.
    """

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9]{10}", self.name):
            raise InvalidRequestError(f"a cycle is named YYYYMMDDHH, not {self.name[:40]!r}")
        try:
            start = self.start
        except ValueError as error:
            raise InvalidRequestError(f"{self.name} is not a date: {error}") from error
        if start.hour not in HOURS:
            raise InvalidRequestError(f"a cycle starts at hour 00, 06, 12 or 18, not {self.name[8:]}")

    @classmethod
    def at(cls, time: float) -> "Cycle":
        """Return the latest cycle that starts at or before `time`."""
        start = datetime.fromtimestamp(time // PERIOD * PERIOD, UTC)
        return cls(start.strftime("%Y%m%d%H"))

    @property
    def start(self) -> datetime:
        """The cycle's hour."""
        return datetime.strptime(self.name, "%Y%m%d%H").replace(tzinfo=UTC)

    @property
    def time(self) -> float:
        """The cycle's hour as Unix time."""
        return self.start.timestamp()

    def member_file(self, member: int) -> str:
        """Return the name of `member`'s wind file."""
        return f"{self.name}_{member:02d}.npz"

    def __str__(self) -> str:
        return self.name
