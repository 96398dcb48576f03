"""Clean-up: copies of old cycles go half a minute after their last use, and failures are told."""

import logging
import os
import time
from pathlib import Path

import pytest

from gefs import Cycles
from habsim.cycle import Cycle
from habsim.stores import FolderStore
from tests.stores import CYCLE, NEXT, publish_cycle

COPIES = [CYCLE.member_file(number) for number in range(3)]
LONG_AGO = 31.0  # s


class CopyingStore(FolderStore):
    """A folder with local copies of its cycles; removing a copy named in `stuck` fails."""

    def __init__(self, folder: Path, copies: Path) -> None:
        super().__init__(folder)
        self.copies = copies
        self.stuck: set[str] = set()
        copies.mkdir()
        for name in COPIES:
            (copies / name).touch()

    def outdated(self, cycle: Cycle) -> dict[str, list[str]]:
        """Return the copies of the first cycle while another is in force."""
        names = sorted(path.name for path in self.copies.iterdir())
        return {str(CYCLE): names} if cycle != CYCLE and names else {}

    def remove(self, copy: str) -> None:
        """Remove a copy, or fail to."""
        if copy in self.stuck:
            raise PermissionError(1, "Operation not permitted")
        (self.copies / copy).unlink()


@pytest.fixture
def store(tmp_path: Path) -> CopyingStore:
    return CopyingStore(publish_cycle(tmp_path), tmp_path / "copies")


@pytest.fixture
def cycles(store: CopyingStore, tmp_path: Path) -> Cycles:
    """The cycles of a host that flew in the first one, and then accepted the next."""
    cycles = Cycles(lambda: store, 3, tmp_path / "data")
    with cycles.look()[0].held():
        pass
    publish_cycle(store.folder, NEXT)
    assert cycles.look()[0].cycle == NEXT
    return cycles


def age(tmp_path: Path, seconds: float = LONG_AGO) -> None:
    """Let the last use of the first cycle be that long ago."""
    then = time.time() - seconds
    os.utime(tmp_path / "data" / "use" / f"{CYCLE}.use", (then, then))


def left(store: CopyingStore) -> list[str]:
    return sorted(path.name for path in store.copies.iterdir())


def test_copies_that_were_in_use_a_moment_ago_stay(cycles: Cycles, store: CopyingStore) -> None:
    cycles.clean()
    assert left(store) == COPIES


def test_copies_that_nothing_uses_go_after_half_a_minute(
    cycles: Cycles, store: CopyingStore, tmp_path: Path
) -> None:
    age(tmp_path)
    cycles.clean()
    assert left(store) == []
    assert cycles.trouble() == ""


def test_copies_that_a_run_flies_in_stay(cycles: Cycles, store: CopyingStore, tmp_path: Path) -> None:
    publish_cycle(store.folder, CYCLE)
    with cycles.look()[0].held():
        publish_cycle(store.folder, NEXT)
        cycles.look()
        age(tmp_path)
        cycles.clean()
        assert left(store) == COPIES
    age(tmp_path)
    cycles.clean()
    assert left(store) == []


def test_a_last_use_in_the_future_does_not_keep_copies_for_ever(
    cycles: Cycles, store: CopyingStore, tmp_path: Path
) -> None:
    """So it is after a clock has been set back."""
    age(tmp_path, -86_400.0)
    cycles.clean()
    assert left(store) == []


def test_when_most_removals_fail_it_is_an_error_that_the_next_success_ends(
    cycles: Cycles, store: CopyingStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.stuck = set(COPIES[:2])
    age(tmp_path)
    cycles.clean()
    sentence = f"2 of 3 old files could not be removed: {COPIES[0]}: Operation not permitted"
    assert cycles.trouble() == sentence
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        f"clean-up: {sentence}"
    ]
    store.stuck.clear()
    age(tmp_path)
    cycles.clean()
    assert left(store) == []
    assert cycles.trouble() == ""


def test_when_few_removals_fail_it_is_no_trouble(
    cycles: Cycles, store: CopyingStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.stuck = {COPIES[0]}
    age(tmp_path)
    cycles.clean()
    assert left(store) == COPIES[:1]
    assert cycles.trouble() == ""
    assert not [record for record in caplog.records if record.levelno == logging.ERROR]
