"""Runs: one owner a question, so many at once, and what is left when an owner dies."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from habsim.errors import BusyError, NotFoundError
from habsim.progress import COMPLETE, ERROR, SIMULATING, Progress, ProgressBoard, Reporter
from habsim.results import LIFETIME, Results
from habsim.runs import PASSING_LIFETIME, Answer, Runs
from habsim.stream import events, snapshot

IDENTITY = "a1b2c3d4e5f6"
ANSWER = Answer(b'{"answer": 42}', b"picture", partial=False, whole=True)


def runs_in(folder: Path, slots: int = 2, patience: float = 5.0) -> Runs:
    results = Results(folder / "results", 1_000_000)
    return Runs(folder / "runs", results, ProgressBoard(folder / "progress"), slots, patience)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return runs_in(tmp_path)


def hang(folder: Path, started: "multiprocessing.synchronize.Event") -> None:
    def compute(reporter: Reporter) -> Answer:
        reporter.tell(7, SIMULATING)
        started.set()
        time.sleep(60)
        return ANSWER

    runs_in(folder).answer(IDENTITY, 441, compute)


@pytest.fixture
def hanging_owner(tmp_path: Path) -> Iterator[int]:
    """A process that owns the run and never ends."""
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=hang, args=(tmp_path, started))
    process.start()
    assert started.wait(30)
    assert process.pid is not None
    yield process.pid
    process.kill()
    process.join()
    process.close()


def test_forty_askers_of_one_question_get_one_computation(runs: Runs) -> None:
    computed = []

    def compute(reporter: Reporter) -> Answer:
        computed.append(threading.get_ident())
        time.sleep(0.2)  # long enough for every asker to have come
        return ANSWER

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: runs.answer(IDENTITY, 441, compute), range(40)))
    assert len(computed) == 1
    assert set(answers) == {ANSWER.text}


def test_a_waiter_takes_over_when_the_owner_is_killed(runs: Runs, hanging_owner: int) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(runs.answer, IDENTITY, 441, lambda reporter: ANSWER)
        assert not waiting.done()
        os.kill(hanging_owner, signal.SIGKILL)
        assert waiting.result(timeout=10) == ANSWER.text
    assert runs.active() == 0


def test_a_run_whose_owner_died_is_no_longer_known(runs: Runs, hanging_owner: int, tmp_path: Path) -> None:
    assert runs.progress(IDENTITY) == Progress(7, 441, SIMULATING) or runs.running(IDENTITY)
    os.kill(hanging_owner, signal.SIGKILL)
    state = tmp_path / "progress" / f"{IDENTITY}.json"
    os.utime(state, (time.time() - 60, time.time() - 60))
    deadline = time.monotonic() + 10
    while runs.running(IDENTITY) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert runs.progress(IDENTITY) is None


def test_no_more_run_at_once_than_there_are_slots(tmp_path: Path, hanging_owner: int) -> None:
    runs = runs_in(tmp_path, slots=1, patience=0.1)
    with pytest.raises(BusyError, match="runs 1 ensembles already"):
        runs.answer("b" * 12, 441, lambda reporter: ANSWER)
    assert runs.active() == 1
    assert runs.board.get("b" * 12) is not None


def test_a_failure_is_told_and_raised(runs: Runs) -> None:
    def compute(reporter: Reporter) -> Answer:
        raise NotFoundError("gone")

    with pytest.raises(NotFoundError, match="gone"):
        runs.answer(IDENTITY, 441, compute)
    assert runs.progress(IDENTITY) == Progress(0, 441, ERROR, "gone", "NotFoundError")
    assert runs.answer(IDENTITY, 441, lambda reporter: ANSWER) == ANSWER.text


def test_an_answer_that_lacks_members_is_kept_for_a_minute_only(runs: Runs, tmp_path: Path) -> None:
    runs.answer(IDENTITY, 441, lambda reporter: Answer(b"{}", b"", partial=False, whole=False))
    born = (tmp_path / "results" / f"{IDENTITY}.json").stat().st_mtime
    assert time.time() - born == pytest.approx(LIFETIME - PASSING_LIFETIME, abs=5)
    assert runs.results.answer(IDENTITY) == b"{}"


def test_an_answer_is_gone_after_an_hour(tmp_path: Path) -> None:
    results = Results(tmp_path, 1_000_000)
    results.put(IDENTITY, b"{}", b"picture")
    assert results.answer(IDENTITY) == b"{}"
    assert results.picture(IDENTITY) == b"picture"
    old = time.time() - LIFETIME - 1
    os.utime(tmp_path / f"{IDENTITY}.json", (old, old))
    assert results.answer(IDENTITY) is None


def test_the_oldest_answers_go_when_there_are_too_many_bytes(tmp_path: Path) -> None:
    for age, number in enumerate(range(8, 0, -1)):
        name = f"{number:012x}"
        results = Results(tmp_path, 5000)  # a fresh one looks for what to remove at its first answer
        results.put(name, b"x" * 1000, b"")
        moment = time.time() - 100 + age
        os.utime(tmp_path / f"{name}.json", (moment, moment))
    Results(tmp_path, 5000).put("f" * 12, b"x" * 1000, b"")
    kept = {path.stem for path in tmp_path.glob("*.json")}
    assert kept == {"f" * 12, *(f"{number:012x}" for number in (1, 2, 3, 4))}


def test_a_stream_tells_the_states_in_order_and_ends_with_the_last(runs: Runs) -> None:
    runs.board.put(IDENTITY, Progress(0, 441))
    stream = events(runs, IDENTITY, lambda: True)
    assert next(stream) == "retry: 2000\n\n"
    assert '"status": "loading"' in next(stream)
    runs.board.put(IDENTITY, Progress(210, 441, SIMULATING))
    assert '"completed": 210, "total": 441, "percentage": 48' in next(stream)
    runs.board.put(IDENTITY, Progress(441, 441, COMPLETE))
    last = next(stream)
    assert last.startswith("id: ")
    assert '"percentage": 100, "status": "complete"' in last
    assert list(stream) == []


def test_a_stream_ends_when_nobody_wants_it(runs: Runs) -> None:
    runs.board.put(IDENTITY, Progress(0, 441))
    assert list(events(runs, IDENTITY, lambda: False)) == ["retry: 2000\n\n"]


def test_a_snapshot_is_one_state(runs: Runs) -> None:
    runs.board.put(IDENTITY, Progress(21, 441, SIMULATING))
    retry, event = snapshot(runs, IDENTITY)
    assert retry == "retry: 2000\n\n"
    assert '"completed": 21' in event


def test_states_are_told_at_most_ten_times_a_second(tmp_path: Path) -> None:
    board = ProgressBoard(tmp_path)
    reporter = Reporter(board, IDENTITY, 441)
    reporter.tell(0, SIMULATING)
    reporter.tell(21, SIMULATING)
    assert board.get(IDENTITY) == Progress(0, 441, SIMULATING)
    reporter.complete()
    assert board.get(IDENTITY) == Progress(441, 441, COMPLETE)
