"""A store in a bucket, for its one writer.

Files are made whole in a folder here before they are uploaded.  A lease in the bucket says who is at work,
where the service honours conditional writes.
"""

import json
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from elev import publish_embedded
from habsim.bucket import Bucket
from habsim.errors import BusyError
from habsim.files import claim, publish
from habsim.settings import S3Settings
from habsim.stores import ELEVATION
from scripts.downloader.target import MEMBER, Check, Write

LEASE = "downloader.lease"
_LEASE_TIME = 900.0  # s


class BucketTarget:
    """A store in a bucket; see `Target`.  Files are made in the folder `work`; `clock` is Unix time."""

    def __init__(self, settings: S3Settings, work: Path, clock: Callable[[], float] = time.time) -> None:
        self._bucket = Bucket(settings)
        self._work = work
        self._clock = clock
        self._owner = f"{socket.gethostname()} {secrets.token_hex(8)}"
        self._renewed = 0.0
        self.address = self._bucket.address

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the store against other downloaders; raises `BusyError` if one is at work."""
        with claim(self._work / "bucket.lock") as held:
            if not held:
                raise BusyError(f"another downloader is at work in {self._work}")
            self._take()
            try:
                yield
            finally:
                self._bucket.delete(LEASE)

    def renew(self) -> None:
        """Keep holding it."""
        if self._clock() - self._renewed > _LEASE_TIME / 3:
            self._bucket.put(LEASE, self._lease())
            self._renewed = self._clock()

    def _take(self) -> None:
        text = self._bucket.read(LEASE)
        head = self._bucket.head(LEASE)
        if text is not None and head is not None:
            lease = json.loads(text)
            host = self._owner.split()[0]
            # A lease of this host is of a process that died: it would hold the lock of the work folder.
            if lease["until"] > self._clock() and lease["owner"].split()[0] != host:
                raise BusyError(f"the downloader of {lease['owner'].split()[0]} is at work on {self.address}")
        if not self._bucket.put_if(LEASE, self._lease(), None if head is None else head.etag):
            raise BusyError(f"another downloader has just begun on {self.address}")
        self._renewed = self._clock()

    def _lease(self) -> bytes:
        return json.dumps({"owner": self._owner, "until": self._clock() + _LEASE_TIME}).encode()

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

    def sound(self, name: str, check: Check) -> bool:
        """Return whether a member is there: objects appear whole, after they were checked here."""
        return self._bucket.head(name) is not None

    def put(self, name: str, write: Write, check: Check) -> None:
        """Make an object: `write` fills a file here, `check` looks at it, then it is uploaded."""
        path = self._work / name
        publish(path, write, durable=False, check=check)
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
        with tempfile.TemporaryDirectory(dir=self._work) as name:
            path = Path(name) / ELEVATION
            publish_embedded(path)
            self._bucket.upload(path.with_suffix(".txt").name, path.with_suffix(".txt"))
            self._bucket.upload(ELEVATION, path)

    def free(self) -> int | None:
        """Return None: a bucket has no end."""
        return None
