"""How far a run has come, told from the worker that runs it to every other through a file."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from habsim.files import publish

LOADING, SIMULATING, COMPLETE, ERROR = "loading", "simulating", "complete", "error"
_SWEEP = 60.0  # s, between looks for states to remove
_PAUSE = 0.1  # s between two states of one run


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a run: flights done of a total; with status `error`, the sentence and the error's type."""

    completed: int
    total: int
    status: str = LOADING
    error: str | None = None
    kind: str | None = None

    @property
    def final(self) -> bool:
        """Whether nothing will follow."""
        return self.status in (COMPLETE, ERROR)

    def as_json(self) -> dict[str, object]:
        """Return what users see."""
        state: dict[str, object] = {
            "completed": self.completed,
            "total": self.total,
            "percentage": round(100 * self.completed / self.total) if self.total else 0,
            "status": self.status,
        }
        return state if self.error is None else {**state, "error": self.error}


class ProgressBoard:
    """The states of runs, one file each; written by a run's owner, read by anyone."""

    def __init__(self, folder: Path, lifetime: float = 3600.0) -> None:
        self._folder = folder
        self._lifetime = lifetime
        self._swept = time.monotonic()

    def put(self, identity: str, progress: Progress) -> None:
        """Make `progress` the state of a run."""
        text = json.dumps(asdict(progress)).encode()
        publish(self._folder / f"{identity}.json", lambda stream: stream.write(text), durable=False)

    def get(self, identity: str) -> Progress | None:
        """Return the state of a run, or None if there is none, or no longer."""
        return self.look(identity, None)[0]

    def look(self, identity: str, seen: int | None) -> tuple[Progress | None, int]:
        """Return the state and its version; the state is None if there is none or its version is `seen`."""
        try:
            with (self._folder / f"{identity}.json").open("rb") as stream:
                status = os.fstat(stream.fileno())
                version = status.st_mtime_ns
                if version == seen or abs(time.time() - status.st_mtime) > self._lifetime:
                    return None, version
                return Progress(**json.load(stream)), version
        except FileNotFoundError:
            return None, 0

    def sweep(self) -> None:
        """Remove states that are too old, now and then."""
        if time.monotonic() - self._swept < _SWEEP:
            return
        self._swept = time.monotonic()
        for path in self._folder.glob("*.json"):
            try:
                if abs(time.time() - path.stat().st_mtime) > self._lifetime:
                    path.unlink()
            except FileNotFoundError:
                continue


class Reporter:
    """Puts one run's states on the board, at most ten a second."""

    def __init__(self, board: ProgressBoard, identity: str, total: int) -> None:
        self._board = board
        self._identity = identity
        self._total = total
        self._told = 0.0

    def tell(self, completed: int, status: str) -> None:
        """Say how many flights are done."""
        now = time.monotonic()
        if now - self._told >= _PAUSE:
            self._told = now
            self._board.put(self._identity, Progress(completed, self._total, status))

    def complete(self) -> None:
        """Say that all is done."""
        self._board.put(self._identity, Progress(self._total, self._total, COMPLETE))

    def fail(self, error: Exception) -> None:
        """Say that the run failed."""
        kind = type(error).__name__
        self._board.put(self._identity, Progress(0, self._total, ERROR, str(error), kind))
