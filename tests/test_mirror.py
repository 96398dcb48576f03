"""Mirrors: flights over what is only partly here are those over the whole; nothing counts early."""

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import elev
import windfile
from elev import Elevation
from habsim import member, trajectory
from habsim.ensemble import Ensemble
from habsim.errors import BadFileError, StoreError
from habsim.files import publish
from habsim.mirror import Mirror, Pieces, Range, SparseFile, Survey, begin, boot, share
from tests import winds
from tests.members import SEA, elevation, plan, saved
from tests.winds import INTERVAL, START, Grid
from windfile import WindFile

GRID = Grid(91, 181, 9, (2.0, 20.0, 100.0, 250.0, 500.0, 900.0))  # 2 degrees, two days


class Far:
    """An object somewhere else, and what was read of it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[Range] = []
        self.failing = False

    @property
    def read_bytes(self) -> int:
        return sum(end - first for first, end in self.asked)

    def read(self, ranges: Sequence[Range]) -> Iterator[tuple[int, bytes]]:
        for number, (first, end) in enumerate(ranges):
            if self.failing and number == len(ranges) - 1:
                raise StoreError("the last of them never comes")
            self.asked.append((first, end))
            yield first, self.content[first:end]


def mirrored(
    folder: Path, content: bytes, survey: Survey, name: str = "member.npz"
) -> tuple[SparseFile, Far]:
    """Return a new mirror of an object, and the object."""
    far, path = Far(content), folder / f"{name}.mirror"
    publish(path, lambda stream: begin(stream, name, len(content), far.read, survey), durable=False)
    return SparseFile(path, name, len(content), far.read, lambda size: nullcontext()), far


def wind(folder: Path, content: bytes) -> tuple[WindFile, Far]:
    file, far = mirrored(folder, content, windfile.survey)
    return WindFile.open(file), far


def ground(folder: Path, cells: NDArray[np.int16]) -> tuple[Elevation, Far]:
    stream = io.BytesIO()
    np.save(stream, cells)
    file, far = mirrored(folder, stream.getvalue(), elev.survey, "worldelev.npy")
    return Elevation.open(file), far


def made(folder: Path, heights: NDArray[Any] | None = None, step: float = 1.0) -> Path:
    return saved(folder / "whole.npz", winds.rough(GRID), GRID, heights, step)


def bits(end: trajectory.Flown) -> list[bytes]:
    return [column.tobytes() for column in (end.status, end.time, end.lat, end.lon, end.alt, end.track)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("heights", ["none", "float32", "int16"])
def test_landings_are_those_of_the_whole_file_to_the_bit(tmp_path: Path, heights: str) -> None:
    levels = winds.heights(GRID)
    placed = {"none": None, "float32": levels, "int16": np.rint(levels / 2.0).astype(np.int16)}[heights]
    path = made(tmp_path, placed, 2.0 if heights == "int16" else 1.0)
    known, (partly, far) = WindFile.open(path), wind(tmp_path, path.read_bytes())
    random = np.random.default_rng(1)
    for lat, lon in zip(random.uniform(-85, 85, 20), random.uniform(-180, 180, 20), strict=True):
        rows = Ensemble(plan(lat=lat, lon=lon), 1, 20).flights(SEA)[0]
        assert bits(trajectory.fly(partly, SEA, rows, False)) == bits(trajectory.fly(known, SEA, rows, False))
    assert far.read_bytes < len(far.content) / 3


POLAR = ((90.0, 0.0), (-90.0, 77.0), (89.9, -180.0), (87.3, 12.0), (-88.0, 179.9), (86.9, -0.01))
SEAMS = ((0.0, -0.001), (0.0, 0.0), (12.0, 180.0), (-45.0, -180.0), (33.0, 179.999), (60.0, -0.5))


@pytest.mark.parametrize("place", [*POLAR, *SEAMS])
@pytest.mark.parametrize("coast", [0.0, 24 * 3600.0])
def test_poles_seams_and_a_day_of_floating_are_the_same_to_the_bit(
    whole: Path, tmp_path: Path, place: tuple[float, float], coast: float
) -> None:
    partly, _ = wind(tmp_path, whole.read_bytes())
    rows = Ensemble(plan(lat=place[0], lon=place[1], coast=coast), 1, 10).flights(SEA)[0]
    ours = trajectory.fly(partly, SEA, rows, True)
    assert bits(ours) == bits(trajectory.fly(WindFile.open(whole), SEA, rows, True))


def test_ground_is_the_same_to_the_bit_where_winds_and_rows_are_missing(whole: Path, tmp_path: Path) -> None:
    cells = winds.terrain()
    partly, _ = wind(tmp_path, whole.read_bytes())
    land, far = ground(tmp_path, cells)
    known = elevation(cells)
    random = np.random.default_rng(2)
    for lat, lon in zip(random.uniform(-89, 89, 20), random.uniform(-180, 180, 20), strict=True):
        flight = plan(lat=lat, lon=lon).raised(float(known.at(lat, lon)))
        rows = Ensemble(flight, 1, 5).flights(known)[0]
        assert land.at(lat, lon) == known.at(lat, lon)
        expected = trajectory.fly(WindFile.open(whole), known, rows, False)
        assert bits(trajectory.fly(partly, land, rows, False)) == bits(expected)
    assert far.asked


def test_rows_of_the_ground_are_fetched_by_the_kernel_alone(whole: Path, tmp_path: Path) -> None:
    cells = np.tile(np.arange(2160, dtype=np.int16)[:, None], (1, 4320))
    land, far = ground(tmp_path, cells)
    opened, known = WindFile.open(whole), elevation(cells)
    rows = plan(lat=40.0, lon=8.0, alt=3000.0).columns()
    assert bits(trajectory.fly(opened, land, rows, False)) == bits(trajectory.fly(opened, known, rows, False))
    assert far.read_bytes < 2160 * 8640 / 10


def test_a_column_of_winds_is_the_same(whole: Path, tmp_path: Path) -> None:
    partly, _ = wind(tmp_path, whole.read_bytes())
    for lat, lon in ((37.3, -121.9), (90.0, 0.0), (-90.0, 180.0), (0.0, 359.9), (10.0, -0.1)):
        expected = WindFile.open(whole).column(lat, lon, START + INTERVAL * 1.5)
        assert np.array_equal(partly.column(lat, lon, START + INTERVAL * 1.5), expected)


def test_a_launch_takes_one_round_and_a_second_one_nothing(whole: Path, tmp_path: Path) -> None:
    partly, far = wind(tmp_path, whole.read_bytes())
    opened = far.read_bytes
    assert opened < 3 * 8192 + 2 * 24 * 9  # ends, and the two columns at the seam
    rows = plan(lat=20.0, lon=30.0).columns()
    trajectory.fly(partly, SEA, rows, False)
    assert opened < far.read_bytes < opened + (200 << 10)
    before = far.read_bytes
    trajectory.fly(partly, SEA, rows, False)
    assert far.read_bytes == before


def test_the_arrays_are_found_wherever_they_lie(tmp_path: Path) -> None:
    """Nothing is assumed about the order of the arrays: what is looked at is read where it is."""
    stream = io.BytesIO()
    arrays: dict[str, Any] = {"levels": np.array(GRID.levels_hpa), "timestamp": START, "interval": INTERVAL}
    np.savez(stream, note=np.zeros(70_001, np.uint8), **arrays, data=winds.rough(GRID), last=np.zeros(9000))
    partly, _ = wind(tmp_path, stream.getvalue())
    (tmp_path / "odd.npz").write_bytes(stream.getvalue())
    known = WindFile.open(tmp_path / "odd.npz")
    assert partly.layout.data_offset == known.layout.data_offset > 70_000
    rows = plan(lat=20.0).columns()
    assert bits(trajectory.fly(partly, SEA, rows, False)) == bits(trajectory.fly(known, SEA, rows, False))


def test_what_one_process_fetched_the_others_have(whole: Path, tmp_path: Path) -> None:
    file, far = mirrored(tmp_path, whole.read_bytes(), windfile.survey)
    one, other = WindFile.open(file), WindFile.open(file)
    rows = plan(lat=20.0).columns()
    trajectory.fly(one, SEA, rows, False)
    before = far.read_bytes
    trajectory.fly(other, SEA, rows, False)
    assert far.read_bytes == before


def test_pieces_count_only_once_all_their_data_are_there(tmp_path: Path) -> None:
    path = made(tmp_path, winds.heights(GRID))
    partly, far = wind(tmp_path, path.read_bytes())
    far.failing = True
    with pytest.raises(StoreError, match="never comes"):
        trajectory.fly(partly, SEA, plan().columns(), False)
    assert partly.partly is not None
    assert not partly.partly.present.any()
    far.failing = False
    rows = plan().columns()
    assert bits(trajectory.fly(partly, SEA, rows, False)) == bits(
        trajectory.fly(WindFile.open(path), SEA, rows, False)
    )


def test_threads_that_miss_the_same_read_it_once(whole: Path, tmp_path: Path) -> None:
    file, far = mirrored(tmp_path, whole.read_bytes(), windfile.survey)
    going, calls = Event(), []

    def slow(ranges: Sequence[Range]) -> Iterator[tuple[int, bytes]]:
        calls.append(len(ranges))
        assert going.wait(60.0)
        yield from far.read(ranges)

    mirror = Mirror(
        SparseFile(file.path, file.name, file.size, slow, file.growing), Pieces(91 * 181, ((300, 216),))
    )
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(mirror.fetch, np.array([5, 6, 900])) for _ in range(8)]
        going.set()
        for each in waiting:
            each.result()
    assert calls == [2]
    assert mirror.present.sum() == 3


def test_one_that_waited_in_vain_reads_itself(whole: Path, tmp_path: Path) -> None:
    file, far = mirrored(tmp_path, whole.read_bytes(), windfile.survey)
    going, calls = Event(), []

    def once(ranges: Sequence[Range]) -> Iterator[tuple[int, bytes]]:
        calls.append(len(ranges))
        assert going.wait(60.0)
        if len(calls) == 1:
            raise StoreError("not this time")
        yield from far.read(ranges)

    mirror = Mirror(
        SparseFile(file.path, file.name, file.size, once, file.growing), Pieces(91 * 181, ((300, 216),))
    )
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(mirror.fetch, np.array([5])) for _ in range(2)]
        going.set()
        failures = [each.exception() for each in waiting]
    assert sum(isinstance(failure, StoreError) for failure in failures) == 1
    assert mirror.present[5] == 1


def test_a_mirror_takes_the_room_of_what_it_holds(whole: Path, tmp_path: Path) -> None:
    file, far = mirrored(tmp_path, whole.read_bytes(), windfile.survey)
    assert 512 * file.path.stat().st_blocks < 64 << 10 < len(far.content)
    assert share(file.path, file.size) == 0.0
    trajectory.fly(WindFile.open(file), SEA, plan().columns(), False)
    assert 0.0 < share(file.path, file.size) < 0.05


def test_a_removed_mirror_is_known_to_be_gone_and_flies_on(whole: Path, tmp_path: Path) -> None:
    file, _ = mirrored(tmp_path, whole.read_bytes(), windfile.survey)
    opened = WindFile.open(file)
    assert opened.partly is not None
    assert not opened.partly.gone()
    file.path.unlink()
    assert opened.partly.gone()
    rows = plan().columns()
    assert bits(trajectory.fly(opened, SEA, rows, False)) == bits(
        trajectory.fly(WindFile.open(whole), SEA, rows, False)
    )


def test_looking_at_a_mirror_makes_it_used_now(whole: Path, tmp_path: Path) -> None:
    file, _ = mirrored(tmp_path, whole.read_bytes(), windfile.survey)
    opened = WindFile.open(file)
    os.utime(file.path, (1e9, 1e9))
    assert opened.partly is not None
    opened.partly.gone()
    assert file.path.stat().st_mtime > 1.7e9


def test_winds_that_are_no_number_are_an_error_that_names_the_object(tmp_path: Path) -> None:
    data = winds.rough(GRID)
    data[45, 90, 2] = np.nan
    partly, _ = wind(tmp_path, saved(tmp_path / "whole.npz", data, GRID).read_bytes())
    with pytest.raises(BadFileError, match=r"member\.npz holds a wind or height that is not usable"):
        trajectory.fly(partly, SEA, plan(lat=0.1, lon=-179.9).columns(), False)


def spoiled() -> dict[str, bytes]:
    """Return objects of which no mirror may be begun, by what is said of them."""
    sound, turned = io.BytesIO(), io.BytesIO()
    member.write(sound, winds.rough(GRID), np.array(GRID.levels_hpa), START, INTERVAL)
    data = winds.rough(GRID)
    data[45, -1] += 1.0
    member.write(turned, data, np.array(GRID.levels_hpa), START, INTERVAL)
    return {
        "does not repeat the first": turned.getvalue(),
        "damaged or truncated": sound.getvalue()[:-100],
        "File is not a zip file": bytes(1 << 16),
    }


@pytest.mark.parametrize(
    "fault", ["does not repeat the first", "damaged or truncated", "File is not a zip file"]
)
def test_no_mirror_is_begun_of_what_cannot_be_used(tmp_path: Path, fault: str) -> None:
    with pytest.raises(BadFileError, match=r"member\.npz") as caught:
        mirrored(tmp_path, spoiled()[fault], windfile.survey)
    assert fault in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_mirror_is_begun_of_elevation_that_cannot_be_used(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros((18, 36), "<i2"))
    for content in (b"", b"elevation", stream.getvalue()[:-1]):
        with pytest.raises(BadFileError, match=r"worldelev\.npy"):
            mirrored(tmp_path, content, elev.survey, "worldelev.npy")


def test_a_boot_has_one_name() -> None:
    assert boot() == boot()
    assert len(boot()) == 8


def test_ranges_are_merged_over_small_gaps_only_and_long_ones_are_split() -> None:
    pieces = Pieces(1000, ((100, 5000), (9_000_000, 10)))
    assert pieces.ranges(np.array([1, 2, 3, 5])) == [(5100, 30100), (9_000_010, 9_000_060)]
    assert pieces.ranges(np.array([1, 7])) == [(5100, 10100), (35100, 40100), (9_000_010, 9_000_080)]
    long = pieces.ranges(np.arange(400))
    assert [end - first for first, end in long] == [1 << 20, 2_000_000 - (1 << 20), 4000]
