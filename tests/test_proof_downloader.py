"""Proofs of the downloader: damage of every kind, kills, rivals, old cycles, and flights right to metres."""

import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from habsim import member
from habsim.arrays import Floats
from habsim.cycle import PERIOD, Cycle
from habsim.earth import way
from habsim.errors import BadFileError
from scripts.auto_downloader import DONE, FAILED, NOT_YET
from scripts.downloader.plan import Plan, grib_path
from tests.noaa import Noaa, noaa, status, truth
from tests.service import application, get
from tests.test_auto_downloader import (
    CYCLE,
    HOURS,
    MEMBERS,
    PLAN,
    ROOT,
    SPACING,
    TIMES,
    check_member,
    command,
    download,
    environment,
)

pytestmark = pytest.mark.proof


def swapped(files: dict[str, bytes]) -> None:
    """Another hour's file in the place of one."""
    for end in ("", ".idx"):
        files[grib_path(CYCLE, 1, "a", 3) + end] = files[grib_path(CYCLE, 1, "a", 6) + end]


def of_another_member(files: dict[str, bytes]) -> None:
    for end in ("", ".idx"):
        files[grib_path(CYCLE, 1, "a", 3) + end] = files[grib_path(CYCLE, 0, "a", 3) + end]


def empty(files: dict[str, bytes]) -> None:
    files[grib_path(CYCLE, 1, "a", 3)] = b""


def cut_short(files: dict[str, bytes]) -> None:
    path = grib_path(CYCLE, 1, "b", 3)
    files[path] = files[path][: len(files[path]) // 2]


def garbled(files: dict[str, bytes]) -> None:
    path = f"{grib_path(CYCLE, 1, 'b', 3)}.idx"
    files[path] = files[path].replace(b":d=2", b";", 1)


def spoilt(files: dict[str, bytes]) -> None:
    path = grib_path(CYCLE, 1, "b", 3)
    files[path] = files[path].replace(b"7777", b"7778")


DAMAGE = {
    "a swapped hour": swapped,
    "another member": of_another_member,
    "an empty file": empty,
    "a file cut short": cut_short,
    "a garbled inventory": garbled,
    "a spoilt message": spoilt,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_at_one_host_is_fetched_from_the_next(
    tmp_path: Path, host: Noaa, published: dict[str, bytes], damage: str
) -> None:
    DAMAGE[damage](host.files)
    with noaa() as other:
        other.files = published
        done = download(tmp_path, [host, other])
        assert done.returncode == DONE, done.stderr
        assert sum(other.asked.values()) < 60  # it only fills the gap
    check_member(tmp_path / "store" / CYCLE.member_file(1), 1)


def test_after_a_kill_it_goes_on_where_it_was(tmp_path: Path, host: Noaa) -> None:
    last = grib_path(CYCLE, 1, "b", HOURS)
    host.faults[last] = status(503)  # tried again and again: the run stays at work
    words = command("--source-url", host.address)
    process = subprocess.Popen(words, cwd=ROOT, env=environment(tmp_path), stderr=subprocess.DEVNULL)
    first = tmp_path / "store" / CYCLE.member_file(0)
    deadline = time.monotonic() + 60.0
    while not (first.exists() and host.asked[last]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    fetched = host.grib_bytes()
    host.faults.clear()
    done = download(tmp_path, [host])
    assert done.returncode == DONE, done.stderr
    for number in range(MEMBERS):
        check_member(tmp_path / "store" / CYCLE.member_file(number), number)
    messages = [len(content) for path, content in host.files.items() if not path.endswith(".idx")]
    whole = sum(messages)
    assert 0.5 * whole < fetched < whole
    # Twice came at most what four connections had under way: a piece each, less than a real message.
    assert host.grib_bytes() < whole + 4 * 65_536


def test_two_at_once_are_one(tmp_path: Path, host: Noaa) -> None:
    last = grib_path(CYCLE, 1, "b", HOURS)
    host.faults[last] = status(503)
    words = command("--source-url", host.address)
    process = subprocess.Popen(words, cwd=ROOT, env=environment(tmp_path), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60.0
        while not host.asked[last]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second = download(tmp_path, [host])
        assert second.returncode == NOT_YET
        assert "another downloader is at work" in second.stderr
    finally:
        process.kill()
        process.wait()


def test_a_decoder_that_is_killed_is_a_failure_and_not_a_cycle_that_is_not_there_yet(
    tmp_path: Path, host: Noaa
) -> None:
    last = grib_path(CYCLE, 1, "b", HOURS)
    host.faults[last] = status(503)
    words = command("--source-url", host.address)
    process = subprocess.Popen(words, cwd=ROOT, env=environment(tmp_path), stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60.0
        while not host.asked[last]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for child in psutil.Process(process.pid).children():
            if any("spawn_main" in word for word in child.cmdline()):
                child.kill()
        host.faults.clear()
        _, told = process.communicate(timeout=60.0)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == FAILED, told
    assert "fewer --cores" in told
    assert "Traceback" not in told
    assert download(tmp_path, [host]).returncode == DONE
    check_member(tmp_path / "store" / CYCLE.member_file(1), 1)


def test_the_current_and_the_previous_cycle_stay(tmp_path: Path, host: Noaa) -> None:
    cycles = [Cycle.at(CYCLE.time + number * PERIOD) for number in range(3)]
    store = tmp_path / "store"
    for cycle in cycles:
        host.publish(cycle, MEMBERS, TIMES, SPACING)
        assert download(tmp_path, [host], cycle=cycle).returncode == DONE
        host.files.clear()
    # The first stopped being current a moment ago: it stays for an hour.
    assert {path.name[:10] for path in store.glob("*.npz")} == set(map(str, cycles))
    history = (store / "publications.txt").read_text().split()
    assert history[::2] == list(map(str, cycles))
    earlier = "".join(
        f"{name} {float(moment) - 7200:.0f}\n"
        for name, moment in zip(history[::2], history[1::2], strict=True)
    )
    (store / "publications.txt").write_text(earlier)
    following = Cycle.at(CYCLE.time + 3 * PERIOD)
    host.publish(following, MEMBERS, TIMES, SPACING)
    assert download(tmp_path, [host], cycle=following).returncode == DONE
    assert {path.name[:10] for path in store.glob("*.npz")} == {str(cycles[2]), str(following)}


def test_a_member_past_four_gibibytes_can_be_written_and_checked(tmp_path: Path) -> None:
    """ZIP64: the slices are sparse files, so the disk holds little; only their layout is looked at."""
    shape = (361, 721, 31, 1)
    one = tmp_path / "one.npz"
    data = np.lib.stride_tricks.as_strided(np.zeros(1, np.float16), (*shape, 2), (0,) * 5)
    with one.open("wb") as stream:
        member.write(stream, data, PLAN.levels_hpa, 0.0, 10800.0)
    slices = [one] * 134
    big = tmp_path / "big.npz"
    with big.open("wb") as stream:
        member.join(stream, slices, 0.0, 10800.0, "of nothing")
    assert big.stat().st_size > 1 << 32
    with big.open("rb") as stream:
        layout = member.parse(stream, big.name)
    assert layout.shape == (*shape[:3], 134)
    with zipfile.ZipFile(big) as archive:
        assert archive.getinfo("levels.npy").header_offset > 1 << 32
    with pytest.raises(BadFileError), big.open("r+b") as stream:
        stream.truncate(big.stat().st_size - 1000)
        member.parse(stream, big.name)


HALF_DEGREE = 0.5
FLIGHTS = [(37.3553, -121.8763), (51.5, -0.2), (-45.0, 179.8), (68.0, 20.0)]  # launches
CLOSE = 50.0  # m


def test_flights_land_where_they_do_in_the_fields_that_the_messages_were_made_of(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """Three members of 0.5 degree: packing, float16 and steps of heights are all that differs."""
    members, times = 3, range(0, 7, 3)
    with noaa() as half:
        half.publish(CYCLE, members, times, HALF_DEGREE)
        options = ["--members", "3", "--resolution", str(HALF_DEGREE), "--cores", "2"]
        done = download(tmp_path, [half], *options)
        assert done.returncode == DONE, done.stderr
    exact = tmp_path / "exact"
    exact.mkdir()
    plan = Plan(CYCLE, members, 6, 3, HALF_DEGREE)
    for number in range(members):
        with (exact / CYCLE.member_file(number)).open("wb") as stream:
            whole = [fields(plan, name, number) for name in ("u", "v", "height")]
            winds = np.stack(whole[:2], -1).astype(np.float16)
            heights = whole[2].astype(np.float32)
            member.write(stream, winds, plan.levels_hpa, CYCLE.time, 10800.0, heights)
    (exact / "worldelev.npy").symlink_to(tmp_path / "store" / "worldelev.npy")
    (exact / "whichgefs").write_text(str(CYCLE))
    worst = 0.0
    ours, theirs = (
        application(folder, tmp_path / f"data-{folder.name}", members).test_client()
        for folder in (tmp_path / "store", exact)
    )
    for lat, lon in FLIGHTS:
        for number in range(members):
            asked = {
                "timestamp": CYCLE.time + 600.0, "lat": lat, "lon": lon, "alt": 0.0, "equil": 30_000.0,
                "eqtime": 0.0, "asc": 5.0, "desc": 6.0, "model": number,
            }  # fmt: skip
            ends = [get(client, "/sim/singlezpb", asked)[-1][-1] for client in (ours, theirs)]
            worst = max(worst, way(ends[0][:2], ends[1][:2])[0])
    tell(f"downloaded against exact fields, 12 flights: landings at most {worst:.1f} m apart")
    assert worst < CLOSE


def fields(plan: Plan, name: str, number: int) -> Floats:
    """Return the truth as a member file has it, (lat, lon, level, time); 400 hPa as its neighbours say."""
    stack = [[truth(name, hpa, hour, number, HALF_DEGREE) for hour in plan.times] for hpa in plan.levels_hpa]
    grid = np.moveaxis(np.array(stack), (2, 3), (0, 1))
    return np.concatenate([grid, grid[:, :1]], axis=1)


def test_a_disk_that_fills_up_on_the_way_fails_and_the_next_run_goes_on(tmp_path: Path, host: Noaa) -> None:
    """The work folder's disk has room at first, but somebody else takes it all; the store has room."""
    work = tmp_path / "work"
    other = 'until ls "$1"/2*/*.idx; do sleep 0.01; done; cat /dev/zero > "$1/other"'
    quiet = f"({other}) > /dev/null 2>&1 &"
    script = f'mkdir -p "$1" && mount -t tmpfs -o size=2m tmpfs "$1" && {{ {quiet} shift; exec "$@"; }}'
    words = command("--source-url", host.address, "--work", str(work))
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(work), *words],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == FAILED, done.stderr
    assert "No space left on device" in done.stderr
    assert not (tmp_path / "store" / "whichgefs").exists()
    assert download(tmp_path, [host], "--work", str(work)).returncode == DONE
    for number in range(MEMBERS):
        check_member(tmp_path / "store" / CYCLE.member_file(number), number)
