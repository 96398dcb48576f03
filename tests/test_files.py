"""The two primitives of shared state: files that appear whole, and locks that die with their holders."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from habsim.files import PARTIAL, claim, publish


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


@pytest.mark.parametrize("durable", [True, False])
def test_a_published_file_is_there_whole_and_alone(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "new" / "folder" / "file.txt"
    publish(path, lambda stream: stream.write(b"whole"), durable)
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_while_a_file_is_written_the_old_one_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    publish(path, lambda stream: stream.write(b"old"))
    seen = []

    def write(stream: BinaryIO) -> None:
        stream.write(b"new")
        stream.flush()
        seen.append(path.read_bytes())
        (partial,) = tmp_path.glob(f".{path.name}.*{PARTIAL}")
        seen.append(partial.read_bytes())

    publish(path, write)
    assert seen == [b"old", b"new"]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("interruption", [OSError, KeyboardInterrupt])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    path = tmp_path / "file.txt"
    publish(path, lambda stream: stream.write(b"old"))

    def write(stream: BinaryIO) -> None:
        stream.write(b"ne")
        raise interruption

    with pytest.raises(interruption):
        publish(path, write)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_taken_by_a_folder_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        publish(tmp_path / "taken", lambda stream: stream.write(b"x"))
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_an_exclusive_claim_excludes_all_others(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    with claim(path) as held:
        assert held
        with claim(path) as second:
            assert not second
        with claim(path, shared=True) as reader:
            assert not reader
    with claim(path) as again:
        assert again


def test_shared_claims_exclude_only_an_exclusive_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with claim(path, shared=True) as one, claim(path, shared=True) as two:
        assert (one, two) == (True, True)
        with claim(path) as writer:
            assert not writer
    with claim(path) as writer:
        assert writer


def test_a_claim_is_freed_when_its_body_fails_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with pytest.raises(RuntimeError), claim(path):
        raise RuntimeError
    assert path.exists()
    with claim(path) as held:
        assert held


HOLDER = """
import sys, time
from pathlib import Path
from habsim.files import claim
with claim(Path(sys.argv[1])) as held:
    print(held, flush=True)
    time.sleep(60)
"""


def test_a_claim_is_freed_when_its_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True, cwd=root
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with claim(path) as held:
            assert not held
        os.kill(holder.pid, signal.SIGKILL)
        with claim(path, wait=True) as held:
            assert held
