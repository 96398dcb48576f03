"""Where cycles come from: a store, and the one of its cycles that this host has accepted.

    whichgefs             the current cycle, one line; written last, after every member
    2025111312_00.npz     one file a member
    worldelev.npy         ground elevation

A reader accepts a cycle only when all its members are there, and then names files by it: nothing ever changes
its meaning, so nothing is ever invalidated.
"""

import hashlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Protocol

from elev import publish_embedded
from habsim import demo
from habsim.cycle import PERIOD, Cycle
from habsim.errors import HabsimError, InvalidRequestError, StoreError
from habsim.files import claim, publish

WHICH = "whichgefs"
ELEVATION = "worldelev.npy"

_PAUSE = 1.0  # s, for which a look at the store counts

logger = logging.getLogger(__name__)


class Store(Protocol):
    """What a reader needs of a place where cycles are published."""

    address: str
    demo: bool

    def which(self) -> str | None:
        """Return the text of `whichgefs`, or None where there is none."""

    def tag(self, name: str) -> str | None:
        """Return what changes whenever file `name` does, or None where there is no such file."""

    def path(self, name: str) -> Path:
        """Return where file `name` can be mapped from; it need not exist."""

    def cached(self) -> dict[str, int]:
        """Return the names and sizes (bytes) of local copies."""


class FolderStore:
    """A store in a folder, mapped in place."""

    def __init__(self, folder: Path, demo: bool = False) -> None:
        self.folder = folder
        self.address = str(folder)
        self.demo = demo

    def which(self) -> str | None:
        """Return the text of `whichgefs`, or None where there is none."""
        try:
            return (self.folder / WHICH).read_text("ascii", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"the store {self.address} cannot be read: {error.strerror}") from error

    def tag(self, name: str) -> str | None:
        """Return size and time of change of file `name`, or None where there is no such file."""
        try:
            status = (self.folder / name).stat()
        except OSError:
            return None
        return f"{status.st_size}-{status.st_mtime_ns}"

    def path(self, name: str) -> Path:
        """Return the path of file `name`."""
        return self.folder / name

    def cached(self) -> dict[str, int]:
        """Return nothing: files are mapped where they are."""
        return {}


@dataclass(frozen=True, slots=True)
class Forecast:
    """One accepted cycle of one store: what a request resolves once and carries to its end."""

    store: Store
    cycle: Cycle
    members: int

    def member_path(self, member: int) -> Path:
        """Return where `member`'s wind file is mapped from; it need not exist any more."""
        return self.store.path(self.cycle.member_file(member))

    def elevation_path(self) -> Path:
        """Return where the ground elevation is mapped from."""
        return self.store.path(ELEVATION)

    def present(self) -> list[int]:
        """Return the members whose files are there."""
        files = [self.cycle.member_file(member) for member in range(self.members)]
        return [member for member, name in enumerate(files) if self.store.tag(name) is not None]

    def identity(self) -> str:
        """Return a digest of the store's address and of the tags of its members and elevation."""
        names = [self.cycle.member_file(member) for member in range(self.members)]
        tags = [self.store.tag(name) for name in [*names, ELEVATION]]
        return hashlib.sha256(repr((self.store.address, tags)).encode()).hexdigest()


class Cycles:
    """The current cycle, agreed among the workers of a host through the file `currgefs.txt`.

    `store` says which store serves now; a folder is looked at again after a second, whoever asks.
    """

    def __init__(self, store: Callable[[], Store], members: int, data_dir: Path) -> None:
        self._store = store
        self._members = members
        self._state = data_dir / "currgefs.txt"
        self._claim = data_dir / "refresh.lock"
        self._looked = -math.inf
        self._complaint = ""

    def current(self) -> Forecast:
        """Return the accepted cycle; raises `StoreError` saying what to do where there is none."""
        store = self._store()
        accepted = self._accepted(store)
        if accepted is None or time.monotonic() - self._looked >= _PAUSE:
            return self.look()[0]
        return Forecast(store, accepted, self._members)

    def look(self) -> tuple[Forecast, bool]:
        """Look at the store now; return the accepted cycle and whether it changed.

        A published cycle that lacks members, or is no cycle at all, leaves the accepted one in force.
        """
        store = self._store()
        with claim(self._claim, wait=True):
            self._looked = time.monotonic()
            before = self._accepted(store)
            try:
                cycle = self._published(store, before)
            except StoreError as error:
                if before is None:
                    raise
                if str(error) != self._complaint:
                    logger.warning("staying with cycle %s: %s", before, error)
                self._complaint, cycle = str(error), before
            if cycle != before:
                text = f"{cycle}\n{store.address}\n"
                publish(self._state, lambda stream: stream.write(text.encode()))
                logger.info("cycle %s: %d members verified (before: %s)", cycle, self._members, before)
        return Forecast(store, cycle, self._members), cycle != before

    def _accepted(self, store: Store) -> Cycle | None:
        """Return the cycle this host has accepted from `store`."""
        try:
            name, address = self._state.read_text().splitlines()[:2]
            return Cycle(name) if address == store.address else None
        except (FileNotFoundError, ValueError, InvalidRequestError):
            return None

    def _published(self, store: Store, before: Cycle | None) -> Cycle:
        """Return the store's current cycle, complete if it is another than `before`."""
        text = store.which()
        if text is None:
            raise StoreError(
                f"the store {store.address} has no cycle yet ({WHICH} is missing): publish one with the "
                "downloader, or point HABSIM_STORE at a store that has one"
            )
        try:
            cycle = Cycle(text.strip())
        except InvalidRequestError as error:
            raise StoreError(f"{WHICH} in the store {store.address} is unusable: {error}") from error
        if cycle == before:
            return cycle
        present = len(Forecast(store, cycle, self._members).present())
        if present < self._members:
            raise StoreError(
                f"cycle {cycle} has {present} of {self._members} members in the store {store.address}: "
                "publish the others, or set HABSIM_MEMBERS to the number published"
            )
        return cycle


class DemoStore(FolderStore):
    """A folder in which a synthetic cycle, valid around now, is made and remade."""

    def __init__(self, folder: Path, members: int, now: Callable[[], float] = time.time) -> None:
        super().__init__(folder, demo=True)
        self._members = members
        self._now = now

    def refresh(self) -> None:
        """Make a new cycle if the present one is missing, incomplete or more than half used up.

        One process does; others find the work done.  The cycle before stays until the next one is made.
        """
        if self._fresh():
            return
        with claim(self.folder / "demo.lock", wait=True):
            if not self._fresh():
                self._make(Cycle.at(self._now() - PERIOD))

    def _fresh(self) -> bool:
        text = self.which()
        try:
            cycle = Cycle((text or "").strip())
        except InvalidRequestError:
            return False
        age = self._now() - cycle.time
        complete = len(Forecast(self, cycle, self._members).present()) == self._members
        return 0.0 <= age <= demo.LONGEST_AGE and complete and self.tag(ELEVATION) is not None

    def _make(self, cycle: Cycle) -> None:
        before = self.which()
        publish_embedded(self.folder / ELEVATION)
        for member in range(self._members):
            write = partial(demo.write_member, cycle=cycle, number=member)
            publish(self.folder / cycle.member_file(member), write)
        publish(self.folder / WHICH, lambda stream: stream.write(f"{cycle}\n".encode()))
        logger.warning("made demo cycle %s: synthetic winds, not a forecast", cycle)
        for old in self.folder.glob("*_*.npz"):
            if old.name[:10] not in (cycle.name, (before or "").strip()):
                old.unlink(missing_ok=True)


class DefaultStore:
    """What serves where nothing is configured: a folder once it holds a cycle, before that the demo.

    Once the folder has been seen with a cycle, nothing falls back to the demo.
    """

    def __init__(self, data_dir: Path, members: int) -> None:
        self._folder = FolderStore(data_dir / "store")
        self._demo = DemoStore(data_dir / "demo", members)
        self._seen = data_dir / "store.seen"

    def chosen(self) -> FolderStore:
        """Return the store that serves now."""
        if self._seen.exists():
            return self._folder
        if self._folder.which() is None:
            return self._demo
        publish(self._seen, lambda stream: stream.write(b"a cycle was published here\n"))
        return self._folder

    def prepare(self) -> None:
        """Make the demo cycle if it serves and is due."""
        if self.chosen() is self._demo:
            self._demo.refresh()


def watch(cycles: Cycles, prepare: Callable[[], None], elected: Path, period: float, stop: Event) -> None:
    """Every `period` seconds until `stop`, prepare the store and look at it, in one process of the host.

    `prepare` remakes the demo where it serves; claim `elected` says which process does the work.
    """
    while not stop.wait(period):
        with claim(elected) as held:
            while held and not stop.is_set():
                try:
                    prepare()
                    cycles.look()
                except (HabsimError, OSError) as error:
                    logger.warning("looking for a new cycle: %s", error)
                stop.wait(period)
