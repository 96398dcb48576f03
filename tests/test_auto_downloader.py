"""The auto-downloader, run as a command against a host that looks like NOAA's."""

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from habsim import member
from habsim.cycle import PERIOD, Cycle
from scripts.arguments import USAGE
from scripts.auto_downloader import DONE, FAILED, NOT_YET
from scripts.downloader.plan import Plan, grib_path
from tests.noaa import Noaa, cut, noaa, status, truth
from tests.service import application, get

ROOT = Path(__file__).parent.parent
SPACING = 10.0  # degrees
MEMBERS, HOURS, STEP = 2, 6, 3
CYCLE = Cycle("2026010100")
TIMES = range(0, HOURS + 1, STEP)
OPTIONS = [
    "--members", str(MEMBERS), "--hours", str(HOURS), "--step", str(STEP), "--resolution", str(SPACING),
    "--cores", "1", "--connections", "4",
]  # fmt: skip
PLAN = Plan(CYCLE, MEMBERS, HOURS, STEP, SPACING)
HALF = 2.0**-11  # relative rounding of float16; IEEE 754
PACKED = 0.001  # m/s: 16 bits over a range of less than 65 m/s
STEP_ERROR = 1.0 + 0.05  # m: steps of 2 m, packed in 16 bits


def command(*words: str, cycle: Cycle | None = CYCLE) -> list[str]:
    asked = ["--cycle", str(cycle)] if cycle else []
    return [sys.executable, "scripts/auto_downloader.py", *OPTIONS, *asked, *words]


def environment(tmp_path: Path, **settings: str) -> dict[str, str]:
    base = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HABSIM_DATA_DIR": str(tmp_path / "data")}
    return {**base, "HABSIM_STORE": str(tmp_path / "store"), **settings}


def download(
    tmp_path: Path,
    hosts: Sequence[Noaa],
    *words: str,
    cycle: Cycle | None = CYCLE,
    settings: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    urls = [word for host in hosts for word in ("--source-url", host.address)]
    return subprocess.run(
        command(*urls, *words, cycle=cycle),
        cwd=ROOT,
        env=environment(tmp_path, **(settings or {})),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def check_member(path: Path, number: int, heights: bool = True) -> None:
    """The file holds the winds and heights that its messages were made of."""
    with path.open("rb") as stream:
        layout = member.parse(stream, path.name)
    assert (layout.shape, layout.start, layout.interval) == (PLAN.shape, CYCLE.time, STEP * 3600.0)
    winds = member.winds(path, layout)
    for level, level_hpa in enumerate(layout.levels_hpa):
        for slot, hour in enumerate(TIMES):
            for axis, name in enumerate("uv"):
                expected = truth(name, level_hpa, hour, number, SPACING)
                stored = winds[:, :-1, level, slot, axis].astype(float)
                np.testing.assert_allclose(stored, expected, rtol=HALF, atol=PACKED)
            if heights:
                found = member.heights(path, layout)[:, :-1, level, slot].astype(float) * layout.heights_step
                expected = truth("height", level_hpa, hour, number, SPACING)
                # At 400 hPa the height is interpolated in ln p, in which it is linear here.
                np.testing.assert_allclose(found, expected, atol=STEP_ERROR)
    np.testing.assert_array_equal(winds[:, 0], winds[:, -1])


def test_a_cycle_is_brought_and_can_be_flown_in(tmp_path: Path, host: Noaa) -> None:
    done = download(tmp_path, [host], "--contact", "team@example.org")
    assert done.returncode == DONE, done.stderr
    store = tmp_path / "store"
    assert (store / "whichgefs").read_text() == f"{CYCLE}\n"
    for number in range(MEMBERS):
        path = store / CYCLE.member_file(number)
        check_member(path, number)
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
        with np.load(path) as arrays:
            assert arrays["data"].shape == (*PLAN.shape, 2)
            assert "heights of 400 hPa interpolated in ln p" in str(arrays["origin"])
    assert host.agents == {"HABSIM/1 (balloon landing predictions; team@example.org)"}
    assert "published in" in done.stderr
    assert not list((tmp_path / "data" / "download").glob("2*"))
    client = application(store, tmp_path / "server", MEMBERS).test_client()
    which = get(client, "/sim/which")
    assert which["source"].startswith(f"NOAA GEFS, cycle {CYCLE}, member 0, every 3 h to 6 h")
    assert which["elevation"]["source"].startswith("pvlib 1/12 degree")
    again = download(tmp_path, [host])
    assert again.returncode == DONE
    assert "already" in again.stderr


def test_only_the_wanted_messages_are_fetched(tmp_path: Path, host: Noaa) -> None:
    assert download(tmp_path, [host], "--no-heights").returncode == DONE
    for number in range(MEMBERS):
        check_member(tmp_path / "store" / CYCLE.member_file(number), number, heights=False)
    assert host.grib_bytes() < 0.75 * sum(len(c) for p, c in host.files.items() if not p.endswith(".idx"))
    assert all(count <= 40 for path, count in host.asked.items() if not path.endswith(".idx"))


def test_the_newest_complete_cycle_is_taken_if_none_is_named(tmp_path: Path, host: Noaa) -> None:
    now = Cycle.at(time.time())
    older = Cycle.at(now.time - 2 * PERIOD)
    host.files.clear()
    host.publish(older, MEMBERS, TIMES, SPACING)
    host.publish(now, MEMBERS, range(0, HOURS, STEP), SPACING)  # its last hour is not there yet
    done = download(tmp_path, [host], cycle=None)
    assert done.returncode == DONE, done.stderr
    assert (tmp_path / "store" / "whichgefs").read_text() == f"{older}\n"
    checked = download(tmp_path, [host], "--check", cycle=None)
    assert checked.returncode == DONE
    assert f"{older}  complete" in checked.stdout
    assert f"{now}  not complete" in checked.stdout
    assert f"{older} in the store" in checked.stdout


def test_where_no_cycle_is_complete_the_store_stays_empty(tmp_path: Path, host: Noaa) -> None:
    host.files.clear()
    done = download(tmp_path, [host], cycle=None)
    assert done.returncode == NOT_YET
    assert not (tmp_path / "store" / "whichgefs").exists()


def test_a_last_hour_that_is_not_there_yet_is_not_yet(tmp_path: Path, host: Noaa) -> None:
    path = grib_path(CYCLE, 1, "b", HOURS)
    held = {name: host.files.pop(name) for name in (path, f"{path}.idx")}
    done = download(tmp_path, [host])
    assert done.returncode == NOT_YET
    assert "not there yet (404)" in done.stderr
    assert not (tmp_path / "store" / "whichgefs").exists()
    before = host.grib_bytes()
    host.files.update(held)
    assert download(tmp_path, [host]).returncode == DONE
    check_member(tmp_path / "store" / CYCLE.member_file(1), 1)
    assert host.grib_bytes() - before < 0.5 * before  # what was done counts


def test_what_is_damaged_everywhere_fails_and_leaves_the_old_cycle(tmp_path: Path, host: Noaa) -> None:
    assert download(tmp_path, [host]).returncode == DONE
    following = Cycle.at(CYCLE.time + PERIOD)
    host.publish(following, MEMBERS, TIMES, SPACING)
    for product in ("a", "b"):
        for end in ("", ".idx"):
            later = host.files[grib_path(following, 0, product, 6) + end]
            host.files[grib_path(following, 0, product, 3) + end] = later
    done = download(tmp_path, [host], cycle=following)
    assert done.returncode == FAILED
    assert "was asked for; the messages are of" in done.stderr
    assert (tmp_path / "store" / "whichgefs").read_text() == f"{CYCLE}\n"


def test_connections_that_break_are_taken_up_where_they_broke(tmp_path: Path, host: Noaa) -> None:
    path = grib_path(CYCLE, 0, "a", 0)
    host.faults[path] = cut(2)
    host.faults[f"{path}.idx"] = status(503, 1)
    done = download(tmp_path, [host])
    assert done.returncode == DONE, done.stderr
    check_member(tmp_path / "store" / CYCLE.member_file(0), 0)


def test_a_source_that_is_away_is_replaced_by_the_next(tmp_path: Path, host: Noaa) -> None:
    with noaa() as gone:
        pass
    done = download(tmp_path, [gone, host], "--no-heights")
    assert done.returncode == DONE, done.stderr


def test_what_killed_runs_left_is_cleared_away(tmp_path: Path, host: Noaa) -> None:
    store, work = tmp_path / "store", tmp_path / "data" / "download"
    half, fresh = (store / f".{CYCLE.member_file(0)}.{name}.partial" for name in ("half", "fresh"))
    before, after = work / "2025123118-0123abcd", work / "2026010106-0123abcd"
    for folder in (store, before, after):
        folder.mkdir(parents=True)
    for path in (half, fresh, before / "00_000.a.0.grb", after / "00_000.a.0.grb"):
        path.touch()
    os.utime(half, (0.0, time.time() - 3700.0))
    assert download(tmp_path, [host]).returncode == DONE
    assert not half.exists()
    assert fresh.exists()  # somebody may be at it
    assert not before.exists()
    assert after.exists()  # it may be wanted later


def test_a_cycle_that_cannot_fit_is_refused_before_anything_is_fetched(tmp_path: Path, host: Noaa) -> None:
    words = [
        *command("--source-url", host.address),
        "--members",
        "31",
        "--hours",
        "240",
        "--resolution",
        "0.5",
    ]
    script = 'mkdir -p "$1" && mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"'
    store = tmp_path / "store"
    confined = ["unshare", "--mount", "sh", "-c", script, "sh", str(store), *words]
    done = subprocess.run(
        confined, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("needs the right to mount")
    assert done.returncode == FAILED
    assert "GB are free" in done.stderr
    assert not host.asked


@pytest.mark.parametrize(
    "words",
    [
        ["--members", "0"],
        ["--members", "32"],
        ["--hours", "7"],
        ["--hours", "400"],
        ["--step", "2"],
        ["--resolution", "0.7"],
        ["--cycle", "2026010101"],
        ["--mode", "never"],
        ["--connections", "0"],
        ["--poll", "0"],
        ["file"],
    ],
)
def test_wrong_usage_is_told_apart(tmp_path: Path, words: list[str]) -> None:
    done = download(tmp_path, [], *words)
    assert done.returncode == USAGE
    assert "error:" in done.stderr
