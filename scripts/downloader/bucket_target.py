"""A store in a bucket, for its one writer.

Files are made whole in a folder here before they are uploaded.  A lease in the bucket says who is at work.
"""

import io
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from elev import publish_embedded
from habsim.bucket import Bucket, Head
from habsim.errors import BadFileError
from habsim.files import publish
from habsim.settings import S3Settings
from habsim.stores import ELEVATION
from scripts.downloader.lease import Lease
from scripts.downloader.plan import Plan
from scripts.downloader.target import MEMBER, Write, fits, verify

_WINDOW = 1 << 16  # bytes, read at once of a member's ends


class BucketTarget:
    """A store in a bucket; see `Target`.

    Files are made in the folder `work`, which is this process's alone; `clock` is Unix time.
    """

    def __init__(self, settings: S3Settings, work: Path, clock: Callable[[], float] = time.time) -> None:
        self._bucket = Bucket(settings)
        self._made = work / "made"
        self._lease = Lease(self._bucket, work, clock)
        self.address = self._bucket.address

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the store against other downloaders; raises `BusyError` if one is at work."""
        self._lease.take()
        try:
            shutil.rmtree(self._made, ignore_errors=True)  # what a killed run left
            self._made.mkdir()
            yield
        finally:
            self._lease.give_back()

    def renew(self) -> None:
        """Keep holding it; raises `BusyError` if another downloader took over."""
        self._lease.renew()

    def text(self, name: str) -> str | None:
        """Return a small object's text, or None where there is none."""
        content = self._bucket.read(name)
        return None if content is None else content.decode("ascii", "replace")

    def put_text(self, name: str, text: str) -> None:
        """Make a small object."""
        self._bucket.put(name, text.encode())

    def names(self) -> set[str]:
        """Return the names of the member objects."""
        return {name for name in self._bucket.heads("") if MEMBER.fullmatch(name)}

    def sound(self, name: str, plan: Plan) -> bool:
        """Return whether a member of `plan` is there; it was verified before it was uploaded."""
        head = self._bucket.head(name)
        if head is None:
            return False
        reader = io.BufferedReader(_Object(self._bucket, name, head), _WINDOW)
        try:
            fits(cast(BinaryIO, reader), name, plan)
        except BadFileError:
            return False
        return True

    def put(self, name: str, write: Write, plan: Plan) -> None:
        """Make a member of `plan`: `write` fills a file here, it is verified, then uploaded."""
        path = self._made / name
        publish(path, write, durable=False, check=partial(verify, plan=plan))
        try:
            self._bucket.upload(name, path)
        finally:
            path.unlink()

    def remove(self, name: str) -> None:
        """Remove an object; there need not be one."""
        self._bucket.delete(name)

    def has_elevation(self) -> bool:
        """Return whether there is ground elevation."""
        return self._bucket.head(ELEVATION) is not None

    def put_elevation(self) -> None:
        """Make the elevation that comes with HABSIM the store's."""
        with tempfile.TemporaryDirectory(dir=self._made) as name:
            path = Path(name) / ELEVATION
            publish_embedded(path)
            self._bucket.upload(path.with_suffix(".txt").name, path.with_suffix(".txt"))
            self._bucket.upload(ELEVATION, path)

    def free(self) -> int | None:
        """Return None: a bucket has no end."""
        return None


class _Object(io.RawIOBase):
    """An object as a seekable stream."""

    def __init__(self, bucket: Bucket, name: str, head: Head) -> None:
        self._bucket = bucket
        self._name = name
        self._head = head
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._head.size}[whence]
        self._place = base + offset
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = min(len(buffer), self._head.size - self._place)
        if length <= 0:
            return 0
        buffer[:length] = self._bucket.read_range(self._name, self._place, length, self._head.etag)
        self._place += length
        return length
