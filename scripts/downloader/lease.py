"""A lease: an object in a bucket that says who writes to it, and until when.

    {"owner": "machine 5e7c...", "until": 1764057600.0}

Two cannot take it where the service honours conditional writes; elsewhere the last to write has it.
"""

import json
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from habsim.bucket import Bucket
from habsim.errors import BusyError
from habsim.files import publish

LEASE = "downloader.lease"
_TIME = 900.0  # s


class Lease:
    """The lease of `bucket`; `clock` is Unix time.

    The owner's name is kept in the folder `work`, which one process uses at a time: a lease of that name was
    left by a process that died.
    """

    def __init__(self, bucket: Bucket, work: Path, clock: Callable[[], float]) -> None:
        self._bucket = bucket
        self._clock = clock
        self._owner = _name(work / "owner")
        self._until = 0.0

    def take(self) -> None:
        """Have the lease for a while; raises `BusyError` if somebody else has it, or was quicker."""
        head = self._bucket.head(LEASE)
        owner, until = self._present()
        if owner not in (None, self._owner) and until > self._clock():
            raise BusyError(f"the downloader of {owner} is at work on {self._bucket.address}")
        until = self._clock() + _TIME
        content = json.dumps({"owner": self._owner, "until": until}).encode()
        made = self._bucket.put_if(LEASE, content, None if head is None else head.etag)
        if not made or self._present()[0] != self._owner:
            raise BusyError(f"another downloader has just begun on {self._bucket.address}")
        self._until = until

    def renew(self) -> None:
        """Have the lease for longer, where half of it is over; raises `BusyError` if it is lost."""
        if self._until - self._clock() < _TIME / 2:
            self.take()

    def give_back(self) -> None:
        """Let others have the lease, unless they have it already."""
        if self._present()[0] == self._owner:
            self._bucket.delete(LEASE)

    def _present(self) -> tuple[str | None, float]:
        """Return who has the lease, and until when; nobody, if it is not there or makes no sense."""
        try:
            content = json.loads(self._bucket.read(LEASE) or b"")
            return str(content["owner"]), float(content["until"])
        except (ValueError, KeyError, TypeError):
            return None, 0.0


def _name(path: Path) -> str:
    """Return the name in the file `path`, made if there is none."""
    if not path.is_file():
        text = f"{socket.gethostname()} {secrets.token_hex(8)}"
        publish(path, lambda stream: stream.write(text.encode()))
    return path.read_text()
