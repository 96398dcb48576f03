"""GRIB2 files as fields: wind and geopotential height on the pressure levels of a global grid.

What a field is (parameter, level, times, member, grid) is read from its message, never from the file's name.
A message may hold several fields: GFS packs v behind u, so eccodes' multi-field support is on.  eccodes keeps
its place inside such a message in global state, so read one file at a time in a process.

Source of keys and code tables: WMO No. 306, Manual on Codes, volume I.2, FM 92 GRIB edition 2.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

import eccodes
import numpy as np
from numpy.typing import NDArray

from habsim.arrays import Floats
from habsim.errors import BadFileError

EDITION = 2
# (discipline, category, number), table 4.2
PARAMETERS = {(0, 2, 2): "u", (0, 2, 3): "v", (0, 3, 5): "height"}
ISOBARIC, NO_SURFACE = 100, 255  # table 4.5
INSTANTS = (0, 1)  # table 4.0: one forecast, or one member of an ensemble, at one instant
I_NEGATIVE, J_POSITIVE, J_CONSECUTIVE, ALTERNATING, OFFSET = 0x80, 0x40, 0x20, 0x10, 0x0F  # flag table 3.4
MODELS = {
    ("kwbc", 81): "NCEP GFS",
    ("kwbc", 96): "NCEP GFS",
    ("kwbc", 107): "NCEP GEFS",
}  # NCEP ON388, table A
_MISSING = 1e30
_TOLERANCE = 1e-4  # degrees; a message gives millionths
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Source:
    """One instant of one model run; times are Unix time.

    `member` is 0 for the control run, n for perturbation n, `None` where the message names no member.
    """

    model: str
    reference: float
    valid: float
    member: int | None

    def __str__(self) -> str:
        member = "" if self.member is None else f", member {self.member}"
        return f"{self.model}{member}, run of {date(self.reference)}, valid {date(self.valid)}"


@dataclass(frozen=True, slots=True)
class Header:
    """What one field is: `parameter` is "u", "v" (m/s) or "height" (geopotential, m)."""

    parameter: str
    level_hpa: float
    source: Source

    def __str__(self) -> str:
        return f"{self.parameter} at {self.level_hpa:g} hPa of {self.source}"


@dataclass(frozen=True, slots=True)
class Field:
    """One field on a global grid: `values` (lat, lon), lat +90 to -90, lon 0 to 360 exclusive."""

    header: Header
    values: NDArray[np.float32]


def date(time: float) -> str:
    """Return `time` as text, to the minute."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")


def read_headers(path: Path) -> Iterator[Header]:
    """Yield what each wind and height field of `path` is, in the file's order, unpacking none.

    Raises `BadFileError` naming the file if it is truncated, damaged, or not GRIB2.
    """
    return _read(path, lambda handle, header: header)


def read_fields(path: Path, valid: float | None = None) -> Iterator[Field]:
    """Yield the wind and height fields of `path`, in the file's order; with `valid`, only those of that time.

    Raises `BadFileError` as `read_headers` does, and for a grid that is not global, regular in latitude and
    longitude, and with a column at 0 E; for wind that is not eastward and northward; for missing values.
    """

    def unpack(handle: int, header: Header) -> Field | None:
        if valid is not None and header.source.valid != valid:
            return None
        try:
            return Field(header, _values(handle, header))
        except BadFileError as error:
            raise BadFileError(f"{header}: {error}") from error

    return _read(path, unpack)


def _read(path: Path, unpack: Callable[[int, Header], _Read | None]) -> Iterator[_Read]:
    """Yield what `unpack` makes of each field of `PARAMETERS` on an isobaric surface, save `None`."""
    count = 0
    try:
        with path.open("rb") as stream, closing(_handles(stream)) as handles:
            for handle in handles:
                count += 1
                header = _header(handle)
                if header is not None and (read := unpack(handle, header)) is not None:
                    yield read
    except BadFileError as error:
        raise BadFileError(f"{path}, field {count}: {error}") from error
    except (eccodes.CodesInternalError, ValueError) as error:
        raise BadFileError(f"{path} is damaged or truncated at or after field {count}: {error}") from error
    if count == 0:
        raise BadFileError(f"{path} holds no GRIB message")


def _handles(stream: BinaryIO) -> Generator[int, None, None]:
    """Yield a handle for each field of each message; it is released when the next is asked for."""
    eccodes.codes_grib_multi_support_on()
    try:
        while (handle := eccodes.codes_grib_new_from_file(stream)) is not None:
            try:
                yield handle
            finally:
                eccodes.codes_release(handle)
    finally:
        eccodes.codes_grib_multi_support_reset_file(stream)


def _header(handle: int) -> Header | None:
    """Return what the field is, or `None` if a member file has no place for it."""
    if (edition := _integer(handle, "edition")) != EDITION:
        raise BadFileError(f"GRIB edition {edition}, not {EDITION}")
    codes = (_integer(handle, key) for key in ("discipline", "parameterCategory", "parameterNumber"))
    parameter = PARAMETERS.get((next(codes), next(codes), next(codes)))
    surfaces = [_integer(handle, f"typeOf{which}FixedSurface") for which in ("First", "Second")]
    if parameter is None or surfaces != [ISOBARIC, NO_SURFACE]:
        return None
    template = _integer(handle, "productDefinitionTemplateNumber")
    if template not in INSTANTS:
        raise BadFileError(
            f"{parameter} is a mean, spread or period (product template 4.{template}), not one forecast"
        )
    factor = _integer(handle, "scaleFactorOfFirstFixedSurface")
    pascals = _integer(handle, "scaledValueOfFirstFixedSurface") * 10.0**-factor
    return Header(parameter, round(pascals / 100.0, 6), _source(handle, template))


def _source(handle: int, template: int) -> Source:
    centre, process = eccodes.codes_get(handle, "centre"), _integer(handle, "generatingProcessIdentifier")
    return Source(
        model=MODELS.get((centre, process), f"centre {centre}, process {process}"),
        reference=_time(handle, "dataDate", "dataTime"),
        valid=_time(handle, "validityDate", "validityTime"),
        member=_integer(handle, "perturbationNumber") if template == 1 else None,
    )


def _time(handle: int, day: str, clock: str) -> float:
    text = f"{_integer(handle, day):08d}{_integer(handle, clock):04d}"
    return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp()


def _values(handle: int, header: Header) -> NDArray[np.float32]:
    """Return the field's values (lat, lon) as `Field` has them."""
    if (grid := eccodes.codes_get(handle, "gridType")) != "regular_ll":
        raise BadFileError(f"the grid is {grid}, not regular in latitude and longitude")
    if header.parameter != "height" and _integer(handle, "uvRelativeToGrid"):
        raise BadFileError("the wind is relative to the grid, not eastward and northward")
    shift = _columns_from_greenwich(handle)
    eccodes.codes_set(handle, "missingValue", _MISSING)
    values = eccodes.codes_get_values(handle)
    if missing := int(np.count_nonzero((values == _MISSING) | ~np.isfinite(values))):
        raise BadFileError(f"{missing} of {values.size} values are missing")
    shape = (_integer(handle, "Nj"), _integer(handle, "Ni"))
    if values.size != shape[0] * shape[1]:
        raise BadFileError(f"{values.size} values for a grid of {shape[0]} x {shape[1]}")
    ordered = _southward_eastward(values, shape, _integer(handle, "scanningMode"))
    return np.roll(ordered, shift, axis=1).astype(np.float32)


def _columns_from_greenwich(handle: int) -> int:
    """Return how many columns east of 0 E the westernmost one lies; refuse a grid that is not global."""
    columns, rows, mode = (_integer(handle, key) for key in ("Ni", "Nj", "scanningMode"))
    if mode & OFFSET:
        raise BadFileError(f"scanning mode {mode:#04x} shifts rows or points by half a cell")
    west, east = _ends(handle, "longitude", backward=bool(mode & I_NEGATIVE))
    north, south = _ends(handle, "latitude", backward=bool(mode & J_POSITIVE))
    spacing = 360.0 / columns
    shift = west / spacing
    gap = (west - east) % 360.0
    poles = rows > 1 and abs(north - 90.0) < _TOLERANCE and abs(south + 90.0) < _TOLERANCE
    if not poles or abs(gap - spacing) > _TOLERANCE or abs(shift - round(shift)) * spacing > _TOLERANCE:
        raise BadFileError(
            f"the grid of {rows} x {columns} points from {north:g} to {south:g} N and {west:g} to {east:g} E "
            "does not go from pole to pole and once round by way of 0 E"
        )
    return round(shift)


def _ends(handle: int, axis: str, backward: bool) -> tuple[float, float]:
    first, last = (
        float(eccodes.codes_get(handle, f"{axis}Of{which}GridPointInDegrees")) for which in ("First", "Last")
    )
    return (last, first) if backward else (first, last)


def _southward_eastward(values: Floats, shape: tuple[int, int], mode: int) -> Floats:
    """Return `values`, in the order of scanning `mode`, as (lat, lon) from the north and the west."""
    lines = values.reshape(shape[::-1] if mode & J_CONSECUTIVE else shape).copy()
    if mode & ALTERNATING:
        lines[1::2] = lines[1::2, ::-1]
    grid = lines.T if mode & J_CONSECUTIVE else lines
    return grid[:: -1 if mode & J_POSITIVE else 1, :: -1 if mode & I_NEGATIVE else 1]


def _integer(handle: int, key: str) -> int:
    return int(eccodes.codes_get_long(handle, key))
