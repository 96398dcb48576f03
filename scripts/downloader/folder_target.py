"""A store in a folder, for its one writer."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from elev import publish_embedded
from habsim.errors import BadFileError, BusyError
from habsim.files import PARTIAL, claim, publish
from habsim.stores import ELEVATION
from scripts.downloader.plan import Plan
from scripts.downloader.target import Write, verify

_ABANDONED = 3600.0  # s, after which a file that is still half written belongs to a run that was killed


class FolderTarget:
    """A store in a folder; see `Target`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = str(folder)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the store against other downloaders; raises `BusyError` if one is at work."""
        with claim(self._folder / ".downloader.lock") as held:
            if not held:
                raise BusyError(f"another downloader is at work on {self.address}")
            self._clear()
            yield

    def _clear(self) -> None:
        """Remove what killed runs left half written."""
        for path in self._folder.glob(f".*{PARTIAL}"):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()

    def renew(self) -> None:
        """Do nothing: the lock holds as long as the process lives."""

    def text(self, name: str) -> str | None:
        """Return a small file's text, or None where there is none."""
        try:
            return (self._folder / name).read_text("ascii", "replace")
        except FileNotFoundError:
            return None

    def put_text(self, name: str, text: str) -> None:
        """Make a small file."""
        publish(self._folder / name, lambda stream: stream.write(text.encode()))

    def names(self) -> set[str]:
        """Return the names of the member files."""
        return {path.name for path in self._folder.glob("*_*.npz")}

    def sound(self, name: str, plan: Plan) -> bool:
        """Return whether a whole, undamaged member file of `plan` is there."""
        path = self._folder / name
        if not path.is_file():
            return False
        try:
            verify(path, plan)
        except BadFileError:
            return False
        return True

    def put(self, name: str, write: Write, plan: Plan) -> None:
        """Make a member file of `plan` whole: `write` fills it, and it is verified before it is published."""
        publish(self._folder / name, write, check=partial(verify, plan=plan))

    def remove(self, name: str) -> None:
        """Remove a file; there need not be one."""
        (self._folder / name).unlink(missing_ok=True)

    def has_elevation(self) -> bool:
        """Return whether there is ground elevation."""
        return (self._folder / ELEVATION).is_file()

    def put_elevation(self) -> None:
        """Make the elevation that comes with HABSIM the store's."""
        publish_embedded(self._folder / ELEVATION)

    def free(self) -> int | None:
        """Return the room left, bytes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._folder).free
