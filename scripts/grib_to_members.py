"""Turn GRIB2 files on disk into the member files of one cycle, and publish the cycle in a folder.

    python scripts/grib_to_members.py --cycle 2026112406 --out winds gfs.grb

makes winds/2026112406_00.npz from gfs.grb, winds/worldelev.npy if there is none, and winds/whichgefs.  Each
argument is one member: a file, or several joined by commas, of one or more valid times.  Needs
requirements-grib.txt.
"""

import argparse
import math
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from elev import publish_embedded
from habsim import files, member
from habsim.cycle import Cycle
from habsim.errors import BadFileError, HabsimError, InvalidRequestError
from scripts.arguments import USAGE, Parser, cycle_of
from scripts.fields import MemberArrays, assemble, hpa, stacked, thinned
from scripts.grib import date, read_fields, read_headers

DONE, FAILED = 0, 2  # exit codes
INTERVAL = 6 * 3600.0
REPEAT = 13  # slices of one time, INTERVAL apart: 72 h
ELEVATION = "worldelev.npy"
MEMBERS = 100  # a file's name has two digits for the member


@dataclass(frozen=True, slots=True)
class Forecast:
    """One member's GRIB2 files: for each valid time, in order, the files that hold fields of it."""

    files: dict[float, tuple[Path, ...]]

    @property
    def times(self) -> tuple[float, ...]:
        """The valid times, rising."""
        return tuple(self.files)


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The slices of the member files: `start` (Unix time), `interval` (s), `count`."""

    start: float
    interval: float
    count: int


def survey(paths: Sequence[Path]) -> Forecast:
    """Return which times the files of one member hold; only headers are read.

    Raises `BadFileError` for a file without wind or height on pressure levels.
    """
    found: dict[float, list[Path]] = {}
    for path in paths:
        times = {header.source.valid for header in read_headers(path)}
        if not times:
            raise BadFileError(f"{path} holds no wind or height on pressure levels")
        for valid in times:
            found.setdefault(valid, []).append(path)
    return Forecast({valid: tuple(found[valid]) for valid in sorted(found)})


def time_axis(
    forecast: Forecast, cycle: Cycle | None, interval: float | None, repeat: int | None
) -> TimeAxis:
    """Return the slices that the member's file will have.

    A single valid time is repeated; several must be equally spaced.  With `cycle` the first slice is stamped
    with its hour.
    """
    steps = np.diff(forecast.times)
    start = forecast.times[0] if cycle is None else cycle.time
    if steps.size == 0:
        return TimeAxis(
            start, INTERVAL if interval is None else interval, REPEAT if repeat is None else repeat
        )
    if interval is not None or repeat is not None:
        raise InvalidRequestError(
            f"--interval and --repeat are for a member of one valid time, not of {steps.size + 1}"
        )
    if np.any(steps != steps[0]):
        raise BadFileError(f"the valid times are not equally spaced: {', '.join(map(date, forecast.times))}")
    return TimeAxis(start, float(steps[0]), steps.size + 1)


def common_axis(axes: Sequence[TimeAxis]) -> TimeAxis:
    """Return the time axis that all members have; raises `BadFileError` where they differ."""
    for number, axis in enumerate(axes):
        if axis != axes[0]:
            raise BadFileError(f"member {number} has {_span(axis)}, but member 0 has {_span(axes[0])}")
    return axes[0]


def named_cycle(axis: TimeAxis) -> Cycle:
    """Return the cycle that starts with the first slice; raises `InvalidRequestError` if none does."""
    cycle = Cycle.at(axis.start)
    if cycle.time != axis.start:
        raise InvalidRequestError(
            f"{date(axis.start)} is no cycle's hour (00, 06, 12, 18): restamp with --cycle"
        )
    return cycle


def convert(forecast: Forecast, count: int, resolution: float | None) -> MemberArrays:
    """Return the arrays of one member, decoded slice by slice; a single slice is repeated `count` times."""
    slices = (
        assemble(
            field if resolution is None else thinned(field, resolution)
            for path in paths
            for field in read_fields(path, valid)
        )
        for valid, paths in forecast.files.items()
    )
    arrays = stacked(slices, len(forecast.times))
    return arrays.repeated(count) if len(forecast.times) == 1 else arrays


def origin(arrays: MemberArrays, axis: TimeAxis) -> str:
    """Return where a member's numbers come from, with the true dates, as one line for users."""
    first, last = arrays.sources[0], arrays.sources[-1]
    spacing = f"{axis.count} slices {axis.interval / 3600.0:g} h apart"
    parts = [f"{first}, repeated in {spacing}"] if first == last else [f"{first}, to {last}, {spacing}"]
    if first.valid != axis.start:
        parts.append(f"restamped to {date(axis.start)}")
    if arrays.filled_hpa:
        parts.append(f"heights of {hpa(arrays.filled_hpa)} interpolated in ln p")
    if arrays.heights_step != 1.0:
        parts.append(f"heights rounded to {arrays.heights_step:g} m")
    return "; ".join(parts)


def publish_member(path: Path, arrays: MemberArrays, axis: TimeAxis) -> member.Layout:
    """Publish a member file and return its layout, read back from the disk."""
    files.publish(
        path,
        lambda stream: member.write(
            stream,
            arrays.data,
            arrays.levels_hpa,
            axis.start,
            axis.interval,
            arrays.heights,
            arrays.heights_step,
            origin(arrays, axis),
        ),
    )
    with path.open("rb") as stream:
        return member.parse(stream, path.name)


def publish_cycle(arguments: argparse.Namespace) -> None:
    """Convert every member and publish the cycle, `whichgefs` last; print what was made."""
    began, folder = time.monotonic(), arguments.out
    forecasts = [survey(paths) for paths in arguments.members]
    axes = [time_axis(one, arguments.cycle, arguments.interval, arguments.repeat) for one in forecasts]
    axis = common_axis(axes)
    cycle = named_cycle(axis)
    present = sorted(folder.glob(f"{cycle}_*.npz"))
    if present and not arguments.replace:
        raise InvalidRequestError(
            f"{folder} already has {present[0].name}: give --replace to replace the cycle"
        )
    if not (folder / ELEVATION).exists():
        publish_embedded(folder / ELEVATION)
    for number, forecast in enumerate(forecasts):
        path = folder / cycle.member_file(number)
        layout = publish_member(path, convert(forecast, axis.count, arguments.resolution), axis)
        print(f"{path}: {_summary(layout)}, {path.stat().st_size / 1e6:.1f} MB\n    {layout.origin}")
    for path in present:
        if path.name not in {cycle.member_file(number) for number in range(len(forecasts))}:
            path.unlink()
    files.publish(folder / "whichgefs", lambda stream: stream.write(f"{cycle}\n".encode()))
    print(f"{cycle}: {_span(axis)}, made in {time.monotonic() - began:.1f} s; fly in it with")
    print(
        f"    HABSIM_STORE={shlex.quote(str(folder.resolve()))} HABSIM_MEMBERS={len(forecasts)} scripts/serve"
    )


def _summary(layout: member.Layout) -> str:
    rows, columns, levels, _ = layout.shape
    bottom, top = layout.levels_hpa.max(), layout.levels_hpa.min()
    grid = f"{180.0 / (rows - 1):g} x {360.0 / (columns - 1):g} degrees"
    return f"{levels} levels {bottom:g} to {top:g} hPa, {grid}"


def _span(axis: TimeAxis) -> str:
    return f"{axis.count} slices {axis.interval / 3600.0:g} h apart from {date(axis.start)}"


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _slices(text: str) -> int:
    if (count := int(text)) < 2:
        raise argparse.ArgumentTypeError(f"{count} slices span no time: at least 2")
    return count


def _paths(text: str) -> list[Path]:
    return [Path(name) for name in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = Parser(
        prog="grib_to_members",
        description=summary,
        epilog=f"{details}\nExit codes: {DONE} done, {FAILED} failed, {USAGE} wrong usage.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "members", nargs="+", type=_paths, metavar="FILE[,FILE...]", help="one member's GRIB2 files"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="the store to publish in")
    parser.add_argument(
        "--cycle", type=cycle_of, metavar="YYYYMMDDHH", help="stamp the first slice with this hour"
    )
    parser.add_argument(
        "--interval",
        type=_positive,
        metavar="SECONDS",
        help=f"between repeated slices (default {INTERVAL:.0f})",
    )
    parser.add_argument(
        "--repeat", type=_slices, metavar="N", help=f"slices made of a single valid time (default {REPEAT})"
    )
    parser.add_argument(
        "--resolution", type=_positive, metavar="DEGREES", help="thin the grid to this spacing"
    )
    parser.add_argument("--replace", action="store_true", help="replace the cycle's members that are there")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if len(parsed.members) > MEMBERS:
        parser.error(f"{len(parsed.members)} members; a cycle has at most {MEMBERS}")
    try:
        publish_cycle(parsed)
    except (HabsimError, OSError) as error:
        print(f"grib_to_members: {error}", file=sys.stderr)
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
