"""Where cycles go: a store, written so that readers trust what they find.

    2026112406_00.npz ...   members, each whole
    worldelev.npy           ground elevation, if there was none
    publications.txt        a line a publication: cycle and Unix time
    whichgefs               last

The current and the previous cycle stay.  Another goes at a later publication, an hour or more after it
stopped being current.
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from habsim import member
from habsim.cycle import Cycle
from habsim.errors import BadFileError, InvalidRequestError
from habsim.stores import WHICH
from scripts.downloader.plan import Plan

HISTORY = "publications.txt"
MEMBER = re.compile(r"(\d{10})_\d\d\.npz")
_GRACE = 3600.0  # s, that a cycle stays after it stopped being current
_KEPT = 50  # lines of the history

Write = Callable[[BinaryIO], object]


class Target(Protocol):
    """A store, for its one writer."""

    address: str

    def claimed(self) -> AbstractContextManager[None]:
        """Hold the store against other downloaders; raises `BusyError` if one is at work."""

    def renew(self) -> None:
        """Keep holding it."""

    def text(self, name: str) -> str | None:
        """Return a small file's text, or None where there is none."""

    def put_text(self, name: str, text: str) -> None:
        """Make a small file."""

    def names(self) -> set[str]:
        """Return the names of the member files."""

    def sound(self, name: str, plan: Plan) -> bool:
        """Return whether a member file of `plan` is there."""

    def put(self, name: str, write: Write, plan: Plan) -> None:
        """Make a member file of `plan` whole: `write` fills it, and it is verified before it is published."""

    def remove(self, name: str) -> None:
        """Remove a file; there need not be one."""

    def has_elevation(self) -> bool:
        """Return whether there is ground elevation."""

    def put_elevation(self) -> None:
        """Make the elevation that comes with HABSIM the store's."""

    def free(self) -> int | None:
        """Return the room left, bytes, or None where that is not known."""


def current(target: Target) -> Cycle | None:
    """Return the cycle that `whichgefs` names, or None if it names none."""
    try:
        return Cycle((target.text(WHICH) or "").strip())
    except InvalidRequestError:
        return None


def complete(target: Target, cycle: Cycle, members: int) -> bool:
    """Return whether `cycle` is the current one, with all its members."""
    wanted = {cycle.member_file(number) for number in range(members)}
    return current(target) == cycle and wanted <= target.names()


def point(target: Target, cycle: Cycle, now: float) -> list[str]:
    """Make `cycle`, whose members are there, the current one; return the names of the old files removed."""
    before = current(target)
    history = _history(target)
    if before is not None and (not history or history[-1][0] != before.name):
        history.append((before.name, now))  # somebody else pointed at it
    if before != cycle:
        history.append((cycle.name, now))
    target.put_text(HISTORY, "".join(f"{name} {moment:.0f}\n" for name, moment in history))
    target.put_text(WHICH, f"{cycle}\n")
    keep = {cycle.name, _previous(history, cycle.name)}
    gone = []
    for name in sorted(target.names()):
        match = MEMBER.fullmatch(name)
        if match and match[1] not in keep and now - _ended(history, match[1]) >= _GRACE:
            target.remove(name)
            gone.append(name)
    return gone


def _history(target: Target) -> list[tuple[str, float]]:
    """Return the last publications, the oldest first: cycle and Unix time."""
    rows = [line.split() for line in (target.text(HISTORY) or "").splitlines()]
    return [(row[0], float(row[1])) for row in rows if len(row) == 2][-_KEPT:]


def _previous(history: list[tuple[str, float]], cycle: str) -> str | None:
    """Return the last cycle published before the present publication of `cycle`."""
    return next((name for name, _ in reversed(history) if name != cycle), None)


def _ended(history: list[tuple[str, float]], cycle: str) -> float:
    """Return when `cycle` last stopped being current; what was never published stopped long ago."""
    ended = [history[n + 1][1] for n, (name, _) in enumerate(history[:-1]) if name == cycle]
    return ended[-1] if ended else 0.0


def fits(stream: BinaryIO, name: str, plan: Plan) -> None:
    """Raise `BadFileError` unless `stream` is a member file with the grid, levels and times of `plan`."""
    layout = member.parse(stream, name)
    found = layout.shape, layout.start, layout.interval, layout.heights_offset is not None
    if found != (plan.shape, plan.cycle.time, plan.step * 3600.0, plan.heights):
        raise BadFileError(f"{name} has other times, levels or another grid than asked for")


def verify(path: Path, plan: Plan) -> None:
    """Raise `BadFileError` unless the file at `path` is a whole, undamaged member file of `plan`."""
    with path.open("rb") as stream:
        fits(stream, path.name, plan)
        member.verify(stream, path.name)
