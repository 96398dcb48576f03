"""Fields gathered into time slices, and slices into the arrays of a member file.

    fields of one instant (lat, lon) -> Slice (lat, lon, level) -> MemberArrays (lat, lon, level, time)

Levels run upwards, by falling pressure; the first column is repeated at 360 E.  A level with wind but without
height gets its height linear in ln p between its neighbours: hydrostatic for a layer of uniform temperature.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from habsim.arrays import Floats
from habsim.errors import BadFileError, InvalidRequestError
from scripts.grib import Field, Source

HEIGHT_STEP = 2.0  # m, of int16 heights: they reach 65.5 km and are off by 1 m at most
INT16_TOP_HPA = 0.3  # the standard atmosphere is at 57 km there: in reach of int16 in any weather
FASTEST = 500.0  # m/s: nothing on Earth blows so, a damaged message may

Levels = dict[float, NDArray[np.float32]]  # level in hPa: values (lat, lon)


@dataclass(frozen=True, slots=True)
class Slice:
    """One instant of one member, packed as in a member file; `filled_hpa` are levels of interpolated height.

    `wind` is (lat, lon, level, 2), `heights` (lat, lon, level), or of no levels if they are not wanted.
    """

    source: Source
    levels_hpa: Floats
    wind: NDArray[np.float16]
    heights: NDArray[np.generic]
    filled_hpa: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MemberArrays:
    """One member as `habsim.member.write` takes it, and the source of each slice."""

    data: NDArray[np.float16]
    levels_hpa: Floats
    heights: NDArray[np.generic]
    sources: tuple[Source, ...]
    filled_hpa: tuple[float, ...]

    @property
    def heights_step(self) -> float:
        """Size (m) of a step of `heights`."""
        return HEIGHT_STEP if self.heights.dtype == np.int16 else 1.0

    def repeated(self, count: int) -> "MemberArrays":
        """Return `count` times the same slices."""
        return replace(
            self,
            data=np.tile(self.data, (count, 1)),
            heights=np.tile(self.heights, count),
            sources=self.sources * count,
        )


def thinned(field: Field, resolution: float) -> Field:
    """Return `field` on every n-th row and column, `resolution` degrees apart.

    Raises `InvalidRequestError` where the grid has no such rows and columns.
    """
    rows, columns = field.values.shape
    strides = resolution * (rows - 1) / 180.0, resolution * columns / 360.0
    row, column = (max(round(stride), 1) for stride in strides)
    if not np.allclose(strides, (row, column)) or (rows - 1) % row or columns % column:
        raise InvalidRequestError(
            f"a grid of {180.0 / (rows - 1):g} x {360.0 / columns:g} degrees has no rows and columns "
            f"{resolution:g} apart"
        )
    return replace(field, values=field.values[::row, ::column])


def assemble(fields: Iterable[Field], heights: bool = True) -> Slice:
    """Return the slice that `fields`, of one instant of one member, make up; with `heights`, or without.

    Raises `BadFileError` saying what is missing, there twice, of another instant or member, or implausible.
    """
    parameters: dict[str, Levels] = {"u": {}, "v": {}, "height": {}}
    source, shape = None, None
    for field in fields:
        source, shape = source or field.header.source, shape or field.values.shape
        if field.header.source != source:
            raise BadFileError(f"{field.header} does not belong to {source}")
        if field.values.shape != shape:
            raise BadFileError(f"{field.header} has a grid of {field.values.shape}, others have {shape}")
        levels = parameters[field.header.parameter]
        if levels.setdefault(field.header.level_hpa, field.values) is not field.values:
            raise BadFileError(f"{field.header} is there twice")
    if source is None:
        raise BadFileError("no wind or height on pressure levels")
    if unpaired := sorted(parameters["u"].keys() ^ parameters["v"].keys()):
        raise BadFileError(f"u or v is missing at {hpa(unpaired)} of {source}")
    levels_hpa = np.array(sorted(parameters["u"], reverse=True))
    if levels_hpa.size == 0:
        raise BadFileError(f"no wind on pressure levels of {source}")
    wind = _wind(parameters["u"], parameters["v"], levels_hpa, source)
    if not heights:
        return Slice(source, levels_hpa, wind, np.empty((*wind.shape[:2], 0), np.int16), ())
    steps = _encoded(_heights(parameters["height"], levels_hpa, source), levels_hpa)
    _check_upward(steps, levels_hpa, source)
    filled = tuple(float(level) for level in levels_hpa if level not in parameters["height"])
    return Slice(source, levels_hpa, wind, steps, filled)


def stacked(slices: Iterable[Slice], count: int) -> MemberArrays:
    """Return `count` slices, taken one by one, as one member's arrays.

    Raises `BadFileError` if a slice is of another member or has other levels or another grid than the first.
    """
    sources: list[Source] = []
    filled: set[float] = set()
    for index, part in enumerate(slices):
        if index == 0:
            levels_hpa = part.levels_hpa
            data = np.empty((*part.heights.shape, count, 2), np.float16)
            heights = np.empty((*part.heights.shape, count), part.heights.dtype)
            first = part.source
        if (part.source.model, part.source.member) != (first.model, first.member):
            raise BadFileError(f"{part.source} is not of the same member as {first}")
        if odd := set(part.levels_hpa) ^ set(levels_hpa):
            raise BadFileError(f"{hpa(odd)} not in both {first} and {part.source}")
        if part.heights.shape != heights.shape[:3]:
            raise BadFileError(f"the grids of {first} and {part.source} differ")
        data[:, :, :, index], heights[:, :, :, index] = part.wind, part.heights
        sources.append(part.source)
        filled.update(part.filled_hpa)
    if len(sources) != count:
        raise BadFileError(f"{len(sources)} slices, not {count}")
    return MemberArrays(data, levels_hpa, heights, tuple(sources), tuple(sorted(filled, reverse=True)))


def hpa(levels: Iterable[float]) -> str:
    """Return `levels` as text, from the ground up."""
    return " ".join(f"{level:g}" for level in sorted(levels, reverse=True)) + " hPa"


def _wind(u: Levels, v: Levels, levels_hpa: Floats, source: Source) -> NDArray[np.float16]:
    rows, columns = u[levels_hpa[0]].shape
    wind = np.empty((rows, columns + 1, levels_hpa.size, 2), np.float16)
    for index, level in enumerate(levels_hpa):
        for component, values in enumerate((u[level], v[level])):
            if (fastest := float(np.abs(values).max())) > FASTEST:
                raise BadFileError(
                    f"wind of {fastest:.0f} m/s at {level:g} hPa of {source}: the message is damaged"
                )
            wind[:, :-1, index, component] = values
    wind[:, -1] = wind[:, 0]
    return wind


def _heights(known: Levels, levels_hpa: Floats, source: Source) -> NDArray[np.float32]:
    """Return the heights (lat, lon, level) of `levels_hpa`, interpolated in ln p where they are not known."""
    knots = np.array(sorted(known, reverse=True))
    outside = [p for p in levels_hpa if not knots.size or p > knots[0] or p < knots[-1]]
    if outside:
        raise BadFileError(
            f"no height at {hpa(outside)} of {source}, nor both below and above to interpolate from"
        )
    rows, columns = known[knots[0]].shape
    heights = np.empty((rows, columns + 1, levels_hpa.size), np.float32)
    for index, level in enumerate(levels_hpa):
        below, above = knots[knots >= level][-1], knots[knots <= level][0]
        share = 0.0 if below == above else math.log(below / level) / math.log(below / above)
        heights[:, :-1, index] = known[below] + np.float32(share) * (known[above] - known[below])
    heights[:, -1] = heights[:, 0]
    return heights


def _encoded(heights: NDArray[np.float32], levels_hpa: Floats) -> NDArray[np.generic]:
    """Return `heights` in steps of `HEIGHT_STEP` as int16, or as they are if levels lie too high for that.

    The levels alone decide, so that every slice of a member has the same type.
    """
    if levels_hpa[-1] < INT16_TOP_HPA:
        return heights
    steps: NDArray[np.float32] = np.rint(heights / HEIGHT_STEP)
    limits = np.iinfo(np.int16)
    if steps.min() < limits.min or steps.max() > limits.max:
        raise BadFileError(f"heights from {heights.min():.0f} to {heights.max():.0f} m at {hpa(levels_hpa)}")
    return steps.astype(np.int16)


def _check_upward(heights: NDArray[np.generic], levels_hpa: Floats, source: Source) -> None:
    upward = np.all(np.diff(heights.astype(np.float32), axis=2) > 0.0, axis=(0, 1))
    if not upward.all():
        lower = int(np.argmin(upward))
        raise BadFileError(
            f"{levels_hpa[lower + 1]:g} hPa is not above {levels_hpa[lower]:g} hPa everywhere in {source}"
        )
