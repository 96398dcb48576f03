"""What serves where nothing is configured: a folder once it holds a cycle, before that the demonstration.

The demonstration is a store of its own, in which a synthetic cycle, valid around now, is made and remade.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from habsim import demo
from habsim.cycle import PERIOD, Cycle
from habsim.errors import InvalidRequestError
from habsim.files import claim, publish
from habsim.stores import ELEVATION, WHICH, FolderStore

logger = logging.getLogger(__name__)


class DemoStore(FolderStore):
    """A folder in which a synthetic cycle, valid around now, is made and remade.

    `publish_ground` writes the elevation to a path.
    """

    def __init__(
        self,
        folder: Path,
        members: int,
        publish_ground: Callable[[Path], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(folder, demo=True)
        self._members = members
        self._publish_ground = publish_ground
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
        complete = all(self.tag(cycle.member_file(member)) for member in range(self._members))
        return 0.0 <= age <= demo.LONGEST_AGE and complete and self.tag(ELEVATION) is not None

    def _make(self, cycle: Cycle) -> None:
        before = self.which()
        self._publish_ground(self.folder / ELEVATION)
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

    def __init__(self, data_dir: Path, members: int, publish_ground: Callable[[Path], None]) -> None:
        self._folder = FolderStore(data_dir / "store")
        self._demo = DemoStore(data_dir / "demo", members, publish_ground)
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
