"""NOAA's hosts: files over HTTPS, asked for politely.

Every request waits its turn; an answer that the host is throttled (302) makes all wait ten minutes; failures
are repeated with growing, jittered pauses.  What a status means: 404 not there yet, 403 gone.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeVar

import urllib3
from urllib3.exceptions import HTTPError

from habsim.errors import BadFileError, UnavailableError

BUCKET = "https://noaa-gefs-pds.s3.amazonaws.com"
NOMADS = "https://nomads.ncep.noaa.gov/pub/data/nccf/com/gens/prod"
NOMADS_SPACING = 1.0  # s between requests: half of what NOMADS allows
NOMADS_REQUESTS = 2000  # for a cycle
CONNECTIONS = 16
THROTTLED = 600.0  # s, for which a throttled host is left alone
_TRIES = 5
_DOWN = 60.0  # s, for which a host that kept failing is left alone
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # s
_CONNECT, _READ = 10.0, 60.0  # s of silence
_INVENTORY = 1 << 20  # bytes: real ones have some 10 kB
_PIECE = 1 << 16
_Result = TypeVar("_Result")


class AbsentError(UnavailableError):
    """The file is not there yet."""


class GoneError(UnavailableError):
    """The file is there no longer, or not for everyone."""


class BudgetError(AbsentError):
    """The host has been asked as often as it is decent."""


class TroubleError(UnavailableError):
    """The host cannot be reached or fails; it may recover."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, waiting and chance, which tests replace."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], object] = time.sleep
    chance: Callable[[], float] = random.random

    def pause(self, attempt: int, first: float = _FIRST_PAUSE, longest: float = _LONGEST_PAUSE) -> None:
        """Wait after failure number `attempt`, from 0: half to all of a pause that doubles."""
        whole = min(longest, first * 2.0**attempt)
        self.sleep(whole * (0.5 + 0.5 * self.chance()))


class Host:
    """One host that serves NOAA's tree under `address`.

    Requests start at least `spacing` s apart; at most `limit` are made, those counted in the file `ledger`
    (one byte each, so that a restart remembers) included.  Messages at most `gap` bytes apart are worth
    fetching together.
    """

    def __init__(
        self,
        address: str,
        agent: str,
        clock: Clock,
        *,
        spacing: float = 0.0,
        limit: int | None = None,
        ledger: Path | None = None,
        gap: int = 0,
    ) -> None:
        self.address = address.rstrip("/")
        self.gap = gap
        self._clock = clock
        self._spacing = spacing
        self._limit = limit
        self._ledger = ledger
        self._down_until = 0.0  # Unix time
        self._turn = 0.0  # Unix time of the next request, at the earliest
        self._lock = Lock()
        self._pool = urllib3.PoolManager(
            num_pools=2,
            maxsize=CONNECTIONS,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT, read=_READ),
            headers={"User-Agent": agent, "Accept-Encoding": "identity"},
        )

    def count_in(self, ledger: Path) -> None:
        """Count requests in the file `ledger` from now on."""
        self._ledger = ledger

    def persistently(self, act: Callable[[], _Result]) -> _Result:
        """Return what `act` returns; it is tried five times while the host has trouble.

        A host that failed so often is left alone for a minute: what is asked of it meanwhile fails at once.
        """
        for attempt in range(_TRIES):
            if self._clock.now() < self._down_until:
                raise TroubleError(f"{self.address} failed a moment ago")
            try:
                return act()
            except TroubleError:
                if attempt == _TRIES - 1:
                    self._down_until = self._clock.now() + _DOWN
                    raise
                self._clock.pause(attempt)
        raise AssertionError("unreachable: the last try returns or raises")

    def size(self, path: str) -> int:
        """Return the size of the file at `path`."""

        def ask() -> int:
            with self._answer("HEAD", path) as answer:
                return int(answer.headers.get("Content-Length", "0"))

        return self.persistently(ask)

    def has(self, path: str) -> bool:
        """Return whether there is a file, not empty, at `path`."""
        try:
            return self.size(path) > 0
        except (AbsentError, GoneError):
            return False

    def text(self, path: str) -> str:
        """Return the content of the small text file at `path`."""

        def ask() -> bytes:
            with self._answer("GET", path) as answer:
                return answer.read(_INVENTORY)

        return self.persistently(ask).decode("ascii", "replace")

    def pieces(self, path: str, first: int, end: int, least: int) -> Iterator[bytes]:
        """Yield the bytes `first` to before `end` of the file at `path`, which has more than `least`.

        Raises `BadFileError` if it has not, or the host gives other bytes; `TroubleError` if it breaks off.
        """
        asked = f"bytes {first}-{end - 1}"
        with self._answer("GET", path, {"Range": asked.replace(" ", "=")}) as answer:
            given, _, total = answer.headers.get("Content-Range", "").partition("/")
            if answer.status != 206 or given != asked or (total.isdigit() and int(total) <= least):
                found = f"{answer.status} {given}/{total}"
                raise BadFileError(f"{self.address}/{path} is short, or its host ignores ranges: {found}")
            got = 0
            for piece in answer.stream(_PIECE):
                got += len(piece)
                yield piece
            if got != end - first:
                raise TroubleError(f"{self.address}/{path} broke off")

    @contextmanager
    def _answer(
        self, method: str, path: str, headers: dict[str, str] | None = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Yield a successful answer; reading it may raise `TroubleError` too."""
        self._await_turn()
        url = f"{self.address}/{path}"
        try:
            answer = self._pool.request(
                method,
                url,
                headers={**self._pool.headers, **(headers or {})},
                preload_content=False,
                redirect=False,
            )
            whole = False
            try:
                self._judge(answer.status, url)
                yield answer
                whole = True
            finally:
                if not whole:
                    answer.close()
                answer.release_conn()
        except HTTPError as error:
            raise TroubleError(f"{url}: {type(error).__name__}") from error

    def _judge(self, status: int, url: str) -> None:
        if status in (200, 206):
            return
        if status == 302:
            with self._lock:
                self._turn = max(self._turn, self._clock.now() + THROTTLED)
            raise TroubleError(f"{url}: throttled (302)")
        if status == 404:
            raise AbsentError(f"{url} is not there yet (404)")
        if status == 403:
            raise GoneError(f"{url} is there no longer, or not for everyone (403)")
        if status == 416:
            raise BadFileError(f"{url} is shorter than its inventory says (416)")
        if status == 429 or status >= 500:
            raise TroubleError(f"{url}: status {status}")
        raise UnavailableError(f"{url}: status {status}")

    def _await_turn(self) -> None:
        """Return when a request may be made, and count it."""
        while True:
            with self._lock:
                now = self._clock.now()
                wait = self._turn - now
                if wait <= 0.0:
                    self._turn = now + self._spacing
                    self._spend()
                    return
            self._clock.sleep(wait)

    def _spend(self) -> None:
        if self._limit is None or self._ledger is None:
            return
        with self._ledger.open("ab") as ledger:
            if ledger.tell() >= self._limit:
                raise BudgetError(
                    f"{self.address} has been asked {self._limit} times for this cycle: wait for the bucket, "
                    "or insist with --source nomads --yes"
                )
            ledger.write(b".")
