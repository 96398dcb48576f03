"""A store in a folder, for its one writer."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elev import publish_embedded
from habsim.errors import BadFileError, BusyError
from habsim.files import claim, publish
from habsim.stores import ELEVATION
from scripts.downloader.target import Check, Write


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
            yield

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

    def sound(self, name: str, check: Check) -> bool:
        """Return whether a member file is there and passes `check`."""
        path = self._folder / name
        if not path.is_file():
            return False
        try:
            check(path)
        except BadFileError:
            return False
        return True

    def put(self, name: str, write: Write, check: Check) -> None:
        """Make a file whole: `write` fills it, `check` looks at it first."""
        publish(self._folder / name, write, check=check)

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
