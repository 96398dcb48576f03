"""A run's progress as server-sent events (HTML Living Standard, section 9.2)."""

import json
import time
from collections.abc import Callable, Iterator

from habsim.progress import ERROR, Progress
from habsim.runs import Runs

_TICK = 0.1  # s, between looks at the run: at most ten events a second
_HEARTBEAT = 9.0  # s
_RETRY = "retry: 2000\n\n"  # ms, after which a browser connects again


def snapshot(runs: Runs, identity: str) -> Iterator[str]:
    """Yield the present state and end; a browser then polls."""
    yield _RETRY
    state, version = runs.board.look(identity, None)
    if state is not None:
        yield _event(state, version)


def events(runs: Runs, identity: str, wanted: Callable[[], bool]) -> Iterator[str]:
    """Yield every change of a run's state until the last one, while `wanted`."""
    yield _RETRY
    seen, spoken = None, time.monotonic()
    while wanted():
        state, version = runs.board.look(identity, seen)
        if state is None and time.monotonic() - spoken >= _HEARTBEAT:
            if runs.progress(identity) is None:
                state = Progress(0, 0, ERROR, "the run was cut short: ask again", "NotFoundError")
            else:
                spoken = time.monotonic()
                yield ": heartbeat\n\n"
        if state is not None:
            seen, spoken = version, time.monotonic()
            yield _event(state, version)
            if state.final:
                return
        time.sleep(_TICK)


def _event(state: Progress, version: int) -> str:
    return f"id: {version}\ndata: {json.dumps(state.as_json())}\n\n"
