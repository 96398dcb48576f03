"""A bucket of an S3 service: objects by name, under a prefix.

Nothing is opened before the first request, and each process has a client of its own, also after a fork.
Whatever goes wrong at the service or on the way comes out as a `StoreError` that says what to mend.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from habsim.errors import ChangedError, StoreError
from habsim.presigned import Presigned
from habsim.s3 import CONNECT_TIMEOUT, CONNECTIONS, AbsentError, address, connect, not_s3, translated
from habsim.settings import S3Settings

_PIECE = 1 << 20  # bytes, passed on at once
_PART = 16 << 20  # bytes, of a multipart upload; of sizes from 8 to 64 MiB none is faster
_UPLOADS = 4  # parts at once
_QUICK_TRIES = 2  # to read a range the quick way, before the client finds out what is wrong

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an object without reading it; `etag` changes whenever its content does."""

    size: int
    etag: str


class Bucket:
    """The objects of one bucket under one prefix.

    A request is made at most `tries` times, and a broken download is taken up as often, with a growing
    pause; `timeout` (s) is how long a silent service is waited for.
    """

    def __init__(self, settings: S3Settings, tries: int = 5, timeout: float = 60.0) -> None:
        self.address = address(settings)
        self._settings = settings
        self._tries = tries
        self._timeout = timeout
        self._made: tuple[int, Any, Presigned] | None = None
        self._making = Lock()

    def read(self, name: str, limit: int = 1 << 20) -> bytes | None:
        """Return the content of a small object, or None where there is none.

        Raises `StoreError` if it has more than `limit` bytes.
        """
        answer = self._answer("get_object", name)
        if answer is None:
            return None
        size = int(answer["ContentLength"])
        if size > limit:
            answer["Body"].close()
            raise StoreError(
                f"{name} in the store {self.address} has {size} bytes; at most {limit} make sense"
            )
        return b"".join(self._pieces(name, answer["ETag"], 0, size, answer))

    def head(self, name: str) -> Head | None:
        """Return size and tag of an object, or None where there is none."""
        answer = self._answer("head_object", name)
        return None if answer is None else Head(int(answer["ContentLength"]), answer["ETag"])

    def heads(self, prefix: str) -> dict[str, Head]:
        """Return size and tag of each object whose name begins with `prefix`."""
        with translated(self._settings, prefix):
            paginator = self._client().get_paginator("list_objects_v2")
            pages = list(paginator.paginate(Bucket=self._settings.bucket, Prefix=self._key(prefix)))
        if any("IsTruncated" not in page for page in pages):
            raise StoreError(not_s3(self._settings))
        return {
            found["Key"].removeprefix(self._key("")): Head(int(found["Size"]), found["ETag"])
            for page in pages
            for found in page.get("Contents", ())
        }

    def read_range(self, name: str, first: int, length: int, etag: str) -> bytes:
        """Return `length` bytes of an object from byte `first`; it must still have the tag `etag`."""
        quick = self._connected()[1]
        for _ in range(_QUICK_TRIES):
            content = quick.read_range(self._key(name), first, first + length, etag)
            if content is not None:
                return content
        return b"".join(self._pieces(name, etag, first, first + length))

    def download(
        self, name: str, head: Head, stream: BinaryIO, advance: Callable[[int], object] = lambda _size: None
    ) -> None:
        """Write an object, which must still be what `head` says, into `stream`.

        `advance` is told the number of bytes of each piece written.
        """
        for piece in self._pieces(name, head.etag, 0, head.size):
            stream.write(piece)
            advance(len(piece))

    def upload(self, name: str, path: Path) -> None:
        """Make the file `path` an object; it appears whole."""
        from boto3.s3.transfer import TransferConfig

        parts = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=_UPLOADS)
        with path.open("rb") as stream, translated(self._settings, name):
            self._client().upload_fileobj(stream, self._settings.bucket, self._key(name), Config=parts)

    def put(self, name: str, content: bytes) -> None:
        """Make `content` an object."""
        self._call("put_object", name, Body=content)

    def put_if(self, name: str, content: bytes, etag: str | None) -> bool:
        """Make `content` an object if it still has the tag `etag`, or with None if there is none yet.

        Returns whether it was made; a service that does not know conditional writes makes it anyway.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            self._call("put_object", name, Body=content, **condition)
        except (ChangedError, AbsentError):
            return False
        return True

    def delete(self, name: str) -> None:
        """Remove an object; there need not be one."""
        self._call("delete_object", name)

    def _pieces(
        self, name: str, etag: str, first: int, end: int, answer: dict[str, Any] | None = None
    ) -> Iterator[bytes]:
        """Yield the bytes from `first` to before `end`, going on where a connection broke.

        `answer` is the response to begin with, if there is one already.
        """
        from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError
        from urllib3.exceptions import HTTPError

        failures = 0
        while first < end:
            body = (answer or self._part(name, etag, first, end))["Body"]
            answer = None
            try:
                with closing(body):
                    for piece in body.iter_chunks(_PIECE):
                        first += len(piece)
                        yield piece
            except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError, HTTPError) as error:
                failures += 1
                if failures == self._tries:
                    raise StoreError(
                        f"reading {name} from the store {self.address} broke off {failures} times: "
                        "check the network, and ask again"
                    ) from error
                logger.warning(
                    "%s broke off at byte %d (%s): retry %d of %d",
                    *(name, first, type(error).__name__, failures + 1, self._tries),
                )
                time.sleep(0.5 * 2 ** (failures - 1))

    def _part(self, name: str, etag: str, first: int, end: int) -> dict[str, Any]:
        """Return the response whose body is the bytes from `first` to before `end`."""
        asked = f"bytes {first}-{end - 1}"
        answer = self._call("get_object", name, Range=asked.replace(" ", "="), IfMatch=etag)
        given = str(answer.get("ContentRange")).partition("/")[0]
        if given != asked or answer["ETag"] != etag:
            answer["Body"].close()
            raise StoreError(
                f"the store {self.address} gave {given}, not {asked} of the {name} known: it is shorter than "
                "promised, or the service does not honour Range and If-Match"
            )
        return answer

    def _answer(self, operation: str, name: str) -> dict[str, Any] | None:
        """Return the response to a request for an object, or None where there is none."""
        try:
            answer = self._call(operation, name)
        except AbsentError:
            # An answer without a body does not tell a missing bucket from a missing object.
            with translated(self._settings, name):
                self._client().head_bucket(Bucket=self._settings.bucket)
            return None
        if "ETag" not in answer:
            raise StoreError(not_s3(self._settings))
        return answer

    def _call(self, operation: str, name: str, **arguments: Any) -> dict[str, Any]:
        """Return the response to a request about an object."""
        with translated(self._settings, name):
            request = getattr(self._client(), operation)
            answer: dict[str, Any] = request(Bucket=self._settings.bucket, Key=self._key(name), **arguments)
            return answer

    def _key(self, name: str) -> str:
        prefix = self._settings.prefix
        return f"{prefix}/{name}" if prefix else name

    def _client(self) -> Any:
        return self._connected()[0]

    def _connected(self) -> tuple[Any, Presigned]:
        """Return this process's client, and its quick way."""
        with self._making:
            made, process = self._made, os.getpid()
            if made is None or made[0] != process:  # sockets must not be shared with the process forked from
                client = connect(self._settings, self._tries, self._timeout)
                timeouts = min(CONNECT_TIMEOUT, self._timeout), self._timeout
                quick = Presigned(client, self._settings.bucket, timeouts, CONNECTIONS)
                made = self._made = process, client, quick
            return made[1], made[2]
