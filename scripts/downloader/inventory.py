"""Inventories: which bytes of a GRIB2 file hold which field, as the `.idx` beside the file says.

    4:354946:d=2026072400:UGRD:10 mb:3 hour fcst:ENS=+1

is the fourth message, from byte 354946 to where the next one starts; the last one ends with the file.  Fields
packed into one message are numbered 4.1, 4.2 and start at the same byte.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from habsim.errors import BadFileError

PARAMETERS = {"UGRD": "u", "VGRD": "v", "HGT": "height"}
_LINE = re.compile(r"\d+(?:\.\d+)?:(\d+):d=\d{10}:([^:]+):([^:]+):([^:]+):.*")
_PRESSURE = re.compile(r"(\d+(?:\.\d+)?) mb")
_INSTANT = re.compile(r"anl|\d+ hour fcst")

Segment = tuple[int, int]  # bytes of a file, from the first to before the second


@dataclass(frozen=True, slots=True)
class Record:
    """One field on a pressure level: bytes `first` to before `end`, or to the file's end."""

    parameter: str
    level_hpa: float
    first: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Inventory:
    """The wind and height fields of a file in its order, and the byte at which its last message starts."""

    records: tuple[Record, ...]
    last: int

    def select(self, levels_hpa: Collection[float], heights: bool) -> tuple[Record, ...]:
        """Return the records of u and v on each of `levels_hpa`, and of height where it exists, if wanted.

        Raises `BadFileError` if u or v is missing on a level, or a field is there twice.
        """
        found: dict[tuple[str, float], Record] = {}
        for record in self.records:
            if record.level_hpa not in levels_hpa or (record.parameter == "height" and not heights):
                continue
            if found.setdefault((record.parameter, record.level_hpa), record) is not record:
                raise BadFileError(f"the inventory has {record.parameter} at {record.level_hpa:g} hPa twice")
        missing = [
            f"{name} at {hpa:g} hPa" for hpa in levels_hpa for name in "uv" if (name, hpa) not in found
        ]
        if missing:
            raise BadFileError(f"the inventory lacks {', '.join(missing)}")
        return tuple(found.values())


def parse(text: str) -> Inventory:
    """Return the wind and height fields of one instant that `text` lists.

    Raises `BadFileError` for a text that is no inventory.
    """
    rows: list[tuple[int, str, str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise BadFileError(f"line {number} of the inventory is garbled: {line[:60]!r}")
        rows.append((int(match[1]), match[2].split(" ", 1)[0], match[3], match[4]))
    starts = [row[0] for row in rows]
    if not rows or starts != sorted(starts) or starts[0] != 0:
        raise BadFileError("the inventory is empty, or its offsets do not rise from 0")
    records = []
    for first, name, level, time in rows:
        pressure = _PRESSURE.fullmatch(level)
        if name in PARAMETERS and pressure and _INSTANT.fullmatch(time):
            following = bisect_right(starts, first)
            end = starts[following] if following < len(starts) else None
            records.append(Record(PARAMETERS[name], float(pressure[1]), first, end))
    return Inventory(tuple(records), starts[-1])


def bounded(records: Sequence[Record], size: int) -> tuple[Record, ...]:
    """Return `records` of a file of `size` bytes, each with an end."""
    return tuple(replace(record, end=size) if record.end is None else record for record in records)


def segments(records: Sequence[Record]) -> tuple[Segment, ...]:
    """Return the messages that hold `records`, each with an end, in the file's order and each once."""
    return tuple(sorted({(record.first, record.end) for record in records if record.end is not None}))


def remaining(messages: Sequence[Segment], done: int) -> list[Segment]:
    """Return what is left of `messages`, laid end to end, after their first `done` bytes."""
    left = []
    for first, end in messages:
        skipped = min(done, end - first)
        done -= skipped
        if first + skipped < end:
            left.append((first + skipped, end))
    return left


def merged(messages: Sequence[Segment], gap: int) -> list[list[Segment]]:
    """Return `messages` in groups to be asked for at once: those at most `gap` bytes apart."""
    groups: list[list[Segment]] = []
    for segment in messages:
        if groups and segment[0] - groups[-1][-1][1] <= gap:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return groups
