"""Where cycles come from: a store, and the one of its cycles that this host has accepted.

A reader accepts a cycle only when all its members are there, and then names files by it: nothing ever changes
its meaning, so nothing is ever invalidated.
"""

import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from habsim.cycle import Cycle
from habsim.errors import FolderError, HabsimError, InvalidRequestError, StoreError
from habsim.files import claim, publish
from habsim.stores import ELEVATION, WHICH, Store

_PAUSE = 1.0  # s, for which a look at the store counts
_UNUSED = 30.0  # s without use, after which copies of an old cycle go
_CLEANING = 30.0  # s, between looks for them
_REFRESH_PAUSE = 10.0  # s, between looks that users ask for

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forecast:
    """One accepted cycle of one store: what a request resolves once and carries to its end."""

    store: Store
    cycle: Cycle
    members: int
    use: Path  # a lock file: shared by runs that use the cycle's files, exclusive to who removes them

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep copies of the cycle's files from being removed."""
        with claim(self.use, wait=True, shared=True):
            yield
            with suppress(OSError):  # a folder that may only be read loses no file either
                self.use.touch()

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

    `store` says which store serves now.  A folder is looked at again after a second, whoever asks; a bucket
    only where no cycle is accepted yet, by the watcher, and on request.
    """

    def __init__(self, store: Callable[[], Store], members: int, data_dir: Path) -> None:
        self._store = store
        self._members = members
        self._state = data_dir / "currgefs.txt"
        self._claim = data_dir / "refresh.lock"
        self._use = data_dir / "use"
        self._trouble = data_dir / "trouble.txt"
        self._looked = -math.inf
        self._complaint: StoreError | None = None

    def current(self) -> Forecast:
        """Return the accepted cycle; raises `StoreError` saying what to do where there is none."""
        store = self._store()
        accepted = self._accepted(store)
        due = time.monotonic() - self._looked >= _PAUSE
        if due and (accepted is None or not store.remote):
            return self.look()[0]
        if accepted is None and self._complaint is None:
            with claim(self._claim, wait=True):  # the first look is under way
                accepted = self._accepted(store)
        if accepted is None:
            raise self._complaint or StoreError(f"the store {store.address} has no cycle yet")
        return self._forecast(store, accepted)

    def accepted(self) -> Cycle | None:
        """Return the accepted cycle, if there is one, without looking at the store."""
        return self._accepted(self._store())

    def refresh(self) -> tuple[Forecast, bool]:
        """Look at the store now, unless this host did within ten seconds; return as `look` does."""
        stamp = self._claim.with_name("refreshed")
        try:
            recent = abs(time.time() - stamp.stat().st_mtime) < _REFRESH_PAUSE
        except FileNotFoundError:
            recent = False
        if recent:
            return self.current(), False
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
        return self.look()

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
                known, self._complaint = self._complaint, error
                if before is None:
                    raise
                if str(error) != str(known):
                    logger.warning("staying with cycle %s: %s", before, error)
                cycle = before
            if cycle != before:
                text = f"{cycle}\n{self._members}\n{store.address}\n"
                publish(self._state, lambda stream: stream.write(text.encode()))
                logger.info("cycle %s: %d members verified (before: %s)", cycle, self._members, before)
        return self._forecast(store, cycle), cycle != before

    def clean(self) -> None:
        """Remove the copies of other cycles that nothing has used for half a minute.

        If more than half of the removals fail, it is logged as an error and `trouble` says so.
        """
        forecast = self.current()
        removed, failures = 0, []
        for name, copies in forecast.store.outdated(forecast.cycle).items():
            with claim(self._use / f"{name}.use") as unused:
                if not unused or abs(time.time() - (self._use / f"{name}.use").stat().st_mtime) < _UNUSED:
                    continue
                for copy in copies:
                    try:
                        forecast.store.remove(copy)
                        removed += 1
                    except OSError as error:
                        failures.append(f"{copy}: {error.strerror}")
        if removed or failures:
            logger.info("clean-up: %d old files removed, %d not", removed, len(failures))
        sentence = ""
        if len(failures) > removed:
            sentence = (
                f"{len(failures)} of {len(failures) + removed} old files could not be removed: {failures[0]}"
            )
            logger.error("clean-up: %s", sentence)
        if sentence != self.trouble():
            publish(self._trouble, lambda stream: stream.write(sentence.encode()))

    def complete(self) -> bool:
        """Copy one more member of the current cycle whole, if wanted; return whether there was one."""
        forecast = self.current()
        return forecast.store.complete(forecast.cycle)

    def trouble(self) -> str:
        """Return what went wrong with the last clean-up on this host, nothing if it went well."""
        try:
            return self._trouble.read_text()
        except FileNotFoundError:
            return ""

    def _forecast(self, store: Store, cycle: Cycle) -> Forecast:
        return Forecast(store, cycle, self._members, self._use / f"{cycle}.use")

    def _accepted(self, store: Store) -> Cycle | None:
        """Return the cycle this host has accepted from `store`, with as many members."""
        try:
            name, *rest = self._state.read_text().splitlines()
            return Cycle(name) if rest == [str(self._members), store.address] else None
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
        store.forget()
        present = len(self._forecast(store, cycle).present())
        if present < self._members:
            raise StoreError(
                f"cycle {cycle} has {present} of {self._members} members in the store {store.address}: "
                "publish the others, or set HABSIM_MEMBERS to the number published"
            )
        return cycle


def watch(
    cycles: Cycles,
    prepare: Callable[[], None],
    elected: Path,
    period: float,
    stop: Event,
    warm: Callable[[], None] = lambda: None,
) -> None:
    """Every `period` seconds until `stop`, prepare the store and look at it, in one process of the host.

    In between, old cycles' copies are cleared away, and where whole files are wanted they are copied, one
    after the other.  `prepare` remakes the demo where it serves; claim `elected` says which process does the
    work.  `warm` gets a process ready for requests: each one at its start, the elected one at a new cycle.
    """
    tick = min(period, _CLEANING)
    warmed = _warmed(cycles, warm)
    while not stop.wait(tick):
        try:
            with claim(elected) as held:
                looked = -math.inf
                while held and not stop.is_set():
                    more = False
                    try:
                        if time.monotonic() - looked >= period:
                            looked = time.monotonic()
                            prepare()
                            if cycles.look()[0].cycle != warmed:
                                warmed = _warmed(cycles, warm)
                        cycles.clean()
                        more = cycles.complete()
                    except (HabsimError, OSError) as error:
                        logger.warning("following the store: %s", error)
                    stop.wait(0.0 if more else tick)
        except FolderError as error:  # so nobody can be elected now
            logger.warning("following the store: %s", error)


def _warmed(cycles: Cycles, warm: Callable[[], None]) -> Cycle | None:
    """Return the cycle for which `warm` got this process ready, None if it could not."""
    try:
        warm()
        return cycles.accepted()
    except (HabsimError, OSError) as error:
        logger.info("not ready yet: %s", error)
        return None
