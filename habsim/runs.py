"""Who computes an answer: one owner a question, and only so many at once, over all workers of a host.

The owner holds a lock file, which the kernel frees if it dies; whoever waited then takes over.  Lock files
are named by the first three hex digits of the question, so there are at most 4096 of them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from habsim.errors import BusyError, HabsimError
from habsim.files import claim
from habsim.progress import LOADING, Progress, ProgressBoard, Reporter
from habsim.results import LIFETIME, Results

_POLL = 0.02  # s, between looks at what another process holds
_BEGINNING = 3.0  # s, that an announced run may take to find its owner
PASSING_LIFETIME = 60.0  # s, of an answer that lacks members: the next one may have them


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run comes to; `partial` if members are missing for want of time, `whole` if none is."""

    text: bytes  # JSON
    picture: bytes  # PNG
    partial: bool
    whole: bool


Compute = Callable[[Reporter], Answer]


class Runs:
    """Computes each question once."""

    def __init__(
        self, folder: Path, results: Results, board: ProgressBoard, slots: int, patience: float
    ) -> None:
        self.results = results
        self.board = board
        self._folder = folder
        self._slots = slots
        self._patience = patience

    def answer(self, identity: str, total: int, compute: Compute) -> bytes:
        """Return the answer to `identity`: kept, computed here, or computed by whoever is at it.

        `total` is the number of flights.  Raises what `compute` raises, and `BusyError` if no slot comes
        free in time.
        """
        while True:
            kept = self.results.answer(identity)
            if kept is not None:
                return kept
            with claim(self._lock(identity)) as owned:
                if owned:
                    kept = self.results.answer(identity)
                    return self._compute(identity, total, compute) if kept is None else kept
            time.sleep(_POLL)

    def progress(self, identity: str) -> Progress | None:
        """Return the state of a run, or None for one that is unknown, expired or was cut short."""
        state, version = self.board.look(identity, None)
        if state is None or state.final or self.running(identity):
            return state
        young = abs(time.time() - version / 1e9) < _BEGINNING
        return state if young else None

    def running(self, identity: str) -> bool:
        """Return whether somebody computes `identity`, or another question with its lock."""
        with claim(self._lock(identity), shared=True) as free:
            return not free

    def active(self) -> int:
        """Return how many runs hold a slot."""
        return sum(1 for slot in range(self._slots) if self._taken(slot))

    def announce(self, identity: str, total: int) -> None:
        """Make a run known before it has begun, or begins again."""
        state = self.progress(identity)
        if state is None or state.final:
            self.board.put(identity, Progress(0, total, LOADING))

    def _compute(self, identity: str, total: int, compute: Compute) -> bytes:
        reporter = Reporter(self.board, identity, total)
        reporter.tell(0, LOADING)
        try:
            with self._slot():
                answer = compute(reporter)
        except HabsimError as error:
            reporter.fail(error)
            raise
        lifetime = LIFETIME if answer.whole else PASSING_LIFETIME
        self.results.put(identity, answer.text, answer.picture, lifetime)
        reporter.complete()
        self.board.sweep()
        return answer.text

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """Hold one of the slots; raises `BusyError` if none comes free in time."""
        deadline = time.monotonic() + self._patience
        while True:
            for slot in range(self._slots):
                with claim(self._folder / f"slot-{slot}") as held:
                    if held:
                        yield
                        return
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"the server runs {self._slots} ensembles already and none ended within "
                    f"{self._patience:g} s: ask again"
                )
            time.sleep(_POLL)

    def _taken(self, slot: int) -> bool:
        with claim(self._folder / f"slot-{slot}", shared=True) as free:
            return not free

    def _lock(self, identity: str) -> Path:
        return self._folder / f"{identity[:3]}.run"
