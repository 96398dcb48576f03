"""From spools to time slices, each one checked instant of one member as a member file of its own."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from habsim import member
from habsim.errors import BadFileError
from habsim.files import publish
from scripts.downloader.plan import Plan
from scripts.downloader.spool import discard
from scripts.fields import HEIGHT_STEP, Slice, assemble, hpa, thinned
from scripts.grib import Source, date, read_fields

FASTEST = 150.0  # m/s: no wind on a pressure level of a sound forecast is faster
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Job:
    """One instant to decode: what it must be, its two spools, and where its slice goes."""

    plan: Plan
    member: int
    hour: int
    spools: tuple[Path, ...]
    target: Path


def decode(job: Job) -> None:
    """Make the slice of `job`, its origin saying which heights were interpolated, and remove its spools.

    Raises `BadFileError`, having removed the spools, if any message is damaged or not what it should be.
    """
    try:
        fields = (thinned(field, job.plan.resolution) for spool in job.spools for field in read_fields(spool))
        part = assemble(fields, job.plan.heights)
        _check(job, part)
    except BadFileError:
        for spool in job.spools:
            discard(spool)
        raise
    heights = part.heights[..., None] if job.plan.heights else None
    publish(
        job.target,
        partial(
            member.write,
            data=part.wind[:, :, :, None],
            levels_hpa=part.levels_hpa,
            start=part.source.valid,
            interval=job.plan.step * _HOUR,
            heights=heights,
            heights_step=_step(part) if job.plan.heights else 1.0,
            origin=f"{part.source}{_filled(part)}",
        ),
        durable=False,
    )
    for spool in job.spools:
        discard(spool)


def _filled(part: Slice) -> str:
    return f"; heights of {hpa(part.filled_hpa)} interpolated in ln p" if part.filled_hpa else ""


def _step(part: Slice) -> float:
    return HEIGHT_STEP if part.heights.dtype == np.int16 else 1.0


def _check(job: Job, part: Slice) -> None:
    """Raise `BadFileError` unless `part` is the instant that `job` names, whole and plausible."""
    start = job.plan.cycle.time
    wanted = Source(part.source.model, start, start + job.hour * _HOUR, job.member)
    given = part.source
    named = given.member if given.member is not None else 0
    if (given.reference, given.valid, named) != (wanted.reference, wanted.valid, wanted.member):
        raise BadFileError(f"{wanted} was asked for; the messages are of {given}")
    if not np.array_equal(part.levels_hpa, job.plan.levels_hpa):
        missing = sorted(set(job.plan.levels_hpa) - set(part.levels_hpa))
        raise BadFileError(f"{given} lacks {hpa(missing)}")
    if part.wind.shape[:2] != job.plan.shape[:2]:
        raise BadFileError(f"{given} has a grid of {part.wind.shape[:2]}, not {job.plan.shape[:2]}")
    fastest = float(np.max(np.abs(part.wind)))
    if not fastest < FASTEST:
        raise BadFileError(f"a wind of {fastest:.0f} m/s at {date(given.valid)} is not plausible")
