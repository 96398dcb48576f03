"""The file cache: one file, one maker; within its bytes; and nothing half made, whoever dies."""

import mmap
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock
from typing import BinaryIO

import pytest

from habsim.errors import BadFileError, StoreError, UnavailableError
from habsim.filecache import FileCache, Fill

NAME = "2026010100_00.npz"
CONTENT = bytes(range(256)) * 16
SIZE = len(CONTENT)
NOBODY = 65534  # a user without rights, on every Unix
SPAWN = multiprocessing.get_context("spawn")


def cache(folder: Path, capacity: Callable[[], int] | int = 1 << 30, keep: tuple[str, ...] = ()) -> FileCache:
    return FileCache(folder, capacity, keep, pause=0.0)


def sound(path: Path) -> None:
    """Pass any file."""


def whole(path: Path) -> None:
    """Pass a file whose content is right."""
    if path.read_bytes() != CONTENT:
        raise BadFileError(f"{path.name} is damaged")


def writing(content: bytes) -> Fill:
    return lambda stream: stream.write(content)


def unasked(stream: BinaryIO) -> None:
    raise AssertionError("the file was there already, or could not be made anyway")


def made(files: FileCache, name: str, size: int, age: float = 0.0) -> Path:
    """Return the path of a new file of `size` bytes, last used `age` (s) ago."""
    path = files.get(name, size, writing(bytes(size)), sound)
    os.utime(path, (time.time() - age,) * 2)
    return path


def partials(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".partial")]


def await_file(path: Path) -> None:
    deadline = time.monotonic() + 60.0
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)


def test_a_file_is_made_where_there_is_none_and_then_found(tmp_path: Path) -> None:
    files = cache(tmp_path / "cache")
    path = files.get(NAME, SIZE, writing(CONTENT), whole)
    assert path == tmp_path / "cache" / NAME
    assert path.read_bytes() == CONTENT
    assert files.get(NAME, SIZE, unasked, sound) == path
    assert files.sizes() == {NAME: SIZE}
    assert partials(files.folder) == []


def test_a_cache_that_nobody_used_yet_is_empty(tmp_path: Path) -> None:
    assert cache(tmp_path / "none").sizes() == {}
    assert cache(tmp_path / "none").total() == 0


def test_the_total_counts_whole_files_only(tmp_path: Path) -> None:
    files = cache(tmp_path)
    made(files, "a", 100)
    made(files, "b", 20)
    (tmp_path / ".c.abcdefgh.partial").write_bytes(bytes(7))
    assert files.sizes() == {"a": 100, "b": 20}
    assert files.total() == 120


def ask_with_others(folder: Path, ready: "multiprocessing.synchronize.Barrier", log: Path) -> None:
    """Ask for the file together with other processes; note in `log` if it is made here."""

    def fill(stream: BinaryIO) -> None:
        with log.open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        time.sleep(0.2)
        stream.write(CONTENT)

    ready.wait()
    assert cache(folder).get(NAME, SIZE, fill, whole).read_bytes() == CONTENT


def test_eight_processes_that_ask_at_once_make_a_file_once(tmp_path: Path) -> None:
    log, folder = tmp_path / "log", tmp_path / "cache"
    arguments = (folder, SPAWN.Barrier(8), log)
    processes = [SPAWN.Process(target=ask_with_others, args=arguments, daemon=True) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert len(log.read_text().splitlines()) == 1


def test_at_most_sixteen_files_are_made_at_a_time(tmp_path: Path) -> None:
    files, lock, full = cache(tmp_path), Lock(), Event()
    running, most = 0, 0

    def fill(stream: BinaryIO) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 16:
                full.set()
        assert full.wait(60.0)
        time.sleep(0.2)  # in which a seventeenth would find its way
        with lock:
            running -= 1
        stream.write(b"x")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda name: files.get(name, 1, fill, sound), map(str, range(20))))
    assert most == 16
    assert files.total() == 20


def make_half(folder: Path, begun: Path) -> None:
    """Begin to make the file, and never end."""

    def fill(stream: BinaryIO) -> None:
        stream.write(CONTENT[: SIZE // 2])
        stream.flush()
        begun.touch()
        time.sleep(600.0)

    cache(folder).get(NAME, SIZE, fill, sound)


def test_when_the_maker_is_killed_one_who_waits_takes_over(tmp_path: Path) -> None:
    files, begun = cache(tmp_path / "cache"), tmp_path / "begun"
    maker = SPAWN.Process(target=make_half, args=(files.folder, begun), daemon=True)
    maker.start()
    await_file(begun)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(files.get, NAME, SIZE, writing(CONTENT), whole)
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        assert files.sizes() == {}
        assert len(partials(files.folder)) == 1
        maker.kill()
        maker.join()
        assert waiting.result(60.0).read_bytes() == CONTENT
    assert partials(files.folder) == []


def test_what_a_dead_process_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    files = cache(tmp_path)
    (tmp_path / ".old.npz.abcdefgh.partial").write_bytes(bytes(7))

    def fill(stream: BinaryIO) -> None:
        assert len(partials(tmp_path)) == 1
        made(files, "other", 5)
        stream.write(CONTENT)

    assert files.get(NAME, SIZE, fill, whole).read_bytes() == CONTENT
    assert files.sizes() == {NAME: SIZE, "other": 5}
    assert partials(tmp_path) == []


def test_a_bad_file_is_made_again_and_nobody_sees_it(tmp_path: Path) -> None:
    files = cache(tmp_path)
    contents = [CONTENT[:-1] + b"?", bytes(SIZE), CONTENT]

    def fill(stream: BinaryIO) -> None:
        assert files.sizes() == {}
        stream.write(contents.pop(0))

    assert files.get(NAME, SIZE, fill, whole).read_bytes() == CONTENT
    assert contents == []


def test_a_file_that_stays_bad_is_given_up_after_five_tries(tmp_path: Path) -> None:
    files, tries = cache(tmp_path), []

    def fill(stream: BinaryIO) -> None:
        tries.append(stream.write(bytes(SIZE)))

    with pytest.raises(BadFileError, match="damaged"):
        files.get(NAME, SIZE, fill, whole)
    assert len(tries) == 5
    assert files.sizes() == {}
    assert partials(tmp_path) == []


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"?"], ids=len)
def test_a_file_of_another_size_than_promised_is_bad(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadFileError, match=f"{NAME} has {len(content)} bytes, not the {SIZE} promised"):
        cache(tmp_path).get(NAME, SIZE, writing(content), sound)
    assert list(tmp_path.glob("*.npz")) == []


def test_what_a_fill_raises_comes_out_and_the_next_who_asks_gets_the_file(tmp_path: Path) -> None:
    files = cache(tmp_path)

    def fill(stream: BinaryIO) -> None:
        stream.write(CONTENT[:7])
        raise StoreError("the store is away")

    with pytest.raises(StoreError, match="away"):
        files.get(NAME, SIZE, fill, sound)
    assert partials(tmp_path) == []
    assert files.get(NAME, SIZE, writing(CONTENT), whole).read_bytes() == CONTENT


def test_a_file_of_another_size_is_made_again(tmp_path: Path) -> None:
    files = cache(tmp_path)
    (tmp_path / NAME).write_bytes(CONTENT[:100])
    assert files.get(NAME, SIZE, writing(CONTENT), whole).read_bytes() == CONTENT


def test_a_dropped_file_is_made_again_and_who_has_it_mapped_keeps_it(tmp_path: Path) -> None:
    files = cache(tmp_path)
    with made(files, NAME, SIZE).open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    files.drop(NAME)
    assert files.sizes() == {}
    files.drop(NAME)
    assert files.get(NAME, SIZE, writing(CONTENT), whole).read_bytes() == CONTENT
    assert mapped[:] == bytes(SIZE)
    mapped.close()


def test_the_longest_unused_go_first_and_no_more_than_needed(tmp_path: Path) -> None:
    files = cache(tmp_path, 1000)
    made(files, "b", 300, age=3000.0)
    made(files, "a", 300, age=2000.0)
    made(files, "c", 300, age=1000.0)
    made(files, "d", 400)
    assert files.sizes() == {"a": 300, "c": 300, "d": 400}


def test_a_file_that_is_asked_for_counts_as_used(tmp_path: Path) -> None:
    files = cache(tmp_path, 1000)
    made(files, "a", 400, age=3000.0)
    made(files, "b", 400, age=2000.0)
    files.get("a", 400, unasked, sound)
    made(files, "c", 400)
    assert set(files.sizes()) == {"a", "c"}


def test_a_use_within_a_minute_of_the_last_is_not_recorded(tmp_path: Path) -> None:
    files = cache(tmp_path)
    path = made(files, "a", 1, age=30.0)
    before = path.stat().st_mtime_ns
    files.get("a", 1, unasked, sound)
    assert path.stat().st_mtime_ns == before


def test_what_is_in_use_or_to_be_kept_is_not_removed(tmp_path: Path) -> None:
    files = cache(tmp_path, 1000, keep=("worldelev.npy",))
    made(files, "worldelev.npy", 300, age=4000.0)
    made(files, "used", 300, age=3000.0)
    made(files, "unused", 300, age=2000.0)
    with files.use("used"):
        made(files, "new", 300)
    assert set(files.sizes()) == {"worldelev.npy", "used", "new"}
    made(files, "newer", 300)
    assert set(files.sizes()) == {"worldelev.npy", "new", "newer"}


def test_where_all_is_in_use_there_is_no_room(tmp_path: Path) -> None:
    files = cache(tmp_path, 5_000_000)
    made(files, "used", 3_000_000)
    with files.use("used"), pytest.raises(UnavailableError, match=r"3\.0 MB.*5\.0 MB.*HABSIM_CACHE_BYTES"):
        files.get("new", 3_000_000, unasked, sound)
    assert set(files.sizes()) == {"used"}
    assert partials(tmp_path) == []


def test_a_file_larger_than_the_cache_drives_nothing_out(tmp_path: Path) -> None:
    files = cache(tmp_path, lambda: 5_000_000)
    made(files, "a", 1_000_000)
    with pytest.raises(UnavailableError, match=r"6\.0 MB.*5\.0 MB"):
        files.get("new", 6_000_000, unasked, sound)
    assert set(files.sizes()) == {"a"}


def test_room_is_kept_for_the_files_that_are_being_made(tmp_path: Path) -> None:
    files = cache(tmp_path, 1000)

    def fill(stream: BinaryIO) -> None:
        with pytest.raises(UnavailableError, match="does not fit"):
            files.get("other", 600, unasked, sound)
        stream.write(bytes(600))

    files.get("first", 600, fill, sound)
    assert files.sizes() == {"first": 600}


@pytest.fixture
def overfull(tmp_path: Path) -> Iterator[tuple[Path, Fill]]:
    """A folder, and a fill that finds the disk full: one of 1 MB or, where none may be mounted, /dev/full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount") or "/usr/bin/false"
    arguments = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run([mount, *arguments], check=False, capture_output=True).returncode == 0

    def fill(stream: BinaryIO) -> None:
        stream.write(bytes(4_000_000))
        if not mounted:
            with Path("/dev/full").open("wb", buffering=0) as full:
                full.write(b"x")

    yield folder, fill
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_with_both_sizes_and_nothing_is_left(overfull: tuple[Path, Fill]) -> None:
    folder, fill = overfull
    files = cache(folder)
    with pytest.raises(UnavailableError) as caught:
        files.get(NAME, 500_000, fill, sound)
    message = str(caught.value)
    assert str(folder) in message
    assert "needs 0.5 MB" in message
    assert "MB are free" in message
    assert files.sizes() == {}
    assert partials(folder) == []
    assert files.get(NAME, SIZE, writing(CONTENT), whole).read_bytes() == CONTENT


def test_a_file_larger_than_the_disk_is_not_begun(tmp_path: Path) -> None:
    size = 10**15  # bytes, a thousand times the largest disk
    with pytest.raises(UnavailableError, match=r"is full: .* needs 1000000000\.0 MB, [0-9.]+ MB are free"):
        cache(tmp_path, 2 * size).get(NAME, size, unasked, sound)
    assert partials(tmp_path) == []


@contextmanager
def without_rights() -> Iterator[None]:
    """Run as a user to whom permissions apply."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_that_may_only_be_read_gives_what_it_has_and_says_why_not_more() -> None:
    with tempfile.TemporaryDirectory() as name:  # unlike tmp_path, below folders that anyone may enter
        files = cache(Path(name))
        path = made(files, NAME, SIZE, age=3000.0)
        files.folder.chmod(0o555)
        with without_rights():
            assert files.get(NAME, SIZE, unasked, sound) == path
            with pytest.raises(UnavailableError, match="cannot be used: Permission denied"):
                files.get("other", SIZE, unasked, sound)
        files.folder.chmod(0o755)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/a", "a/"])
def test_a_name_must_be_that_of_a_file_in_the_folder(tmp_path: Path, name: str) -> None:
    asks: list[Callable[[FileCache], object]] = [
        lambda files: files.get(name, SIZE, unasked, sound),
        lambda files: files.drop(name),
        lambda files: files.use(name).__enter__(),
    ]
    for ask in asks:
        with pytest.raises(ValueError, match="cannot name a file"):
            ask(cache(tmp_path))
