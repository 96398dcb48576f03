"""A store in a bucket of a real S3 service, mirrored, and what goes wrong with it."""

import hashlib
import io
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import elev
import windfile
from elev import Elevation
from habsim import member, trajectory
from habsim.bucket import Bucket
from habsim.copies import ELEVATION
from habsim.cycle import Cycle
from habsim.errors import ChangedError, StoreError, UnavailableError
from habsim.metrics import Metrics
from habsim.stores import BucketStore
from tests import winds
from tests.members import SEA, plan, saved
from tests.s3front import Fault, Front, front_of
from tests.s3server import S3Server, serving
from tests.winds import START, Grid
from windfile import WindFile

pytestmark = pytest.mark.xdist_group("s3")

GRID = Grid(91, 181, 9, (2.0, 20.0, 100.0, 250.0, 500.0, 900.0))  # 3.6 MB
CYCLE = Cycle.at(START)
NAME, OTHER = CYCLE.member_file(0), CYCLE.member_file(1)
ROWS = plan(lat=20.0, lon=30.0).columns()
FAR = plan(lat=-20.0, lon=-130.0).columns()


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with serving() as running:
        yield running


@pytest.fixture
def front(server: S3Server) -> Iterator[Front]:
    with front_of(server.port) as front:
        yield front


def prefix(request: pytest.FixtureRequest) -> str:
    return hashlib.sha256(request.node.name.encode()).hexdigest()[:12]


@pytest.fixture
def near(server: S3Server, request: pytest.FixtureRequest) -> Bucket:
    """A bucket with the members of a cycle."""
    found = Bucket(server.with_settings(prefix=prefix(request)))
    for name in (NAME, OTHER):
        found.put(name, content())
    return found


@pytest.fixture
def bucket(server: S3Server, near: Bucket, front: Front, request: pytest.FixtureRequest) -> Bucket:
    """The same objects, seen through the front."""
    endpoint = f"http://127.0.0.1:{front.port}"
    return Bucket(server.with_settings(prefix=prefix(request), endpoint=endpoint), tries=3, timeout=2.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WindFile:
    path = tmp_path_factory.mktemp("whole") / NAME
    path.write_bytes(content())
    return WindFile.open(path)


@cache
def content(turned: int = 0) -> bytes:
    """Return a member file, its winds turned by so many columns."""
    data = winds.rough(GRID)
    data[:, :-1] = np.roll(data[:, :-1], turned, 1)
    data[:, -1] = data[:, 0]
    stream = io.BytesIO()
    member.write(stream, data, np.array(GRID.levels_hpa), START, winds.INTERVAL)
    return stream.getvalue()


def store(
    bucket: Bucket, folder: Path, capacity: int | None = None, whole: bool = False, boot: str | None = None
) -> BucketStore:
    return BucketStore(bucket, folder, 2, capacity, Metrics(), whole, boot)


def opened(store: BucketStore, name: str = NAME) -> WindFile:
    return WindFile.open(store.file(name, windfile.survey))


def lands(wind: WindFile, rows: winds.Floats = ROWS) -> bytes:
    return trajectory.fly(wind, SEA, rows, False).track.tobytes()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_flight_lands_as_in_the_whole_file_and_little_is_fetched(
    bucket: Bucket, front: Front, whole: WindFile, tmp_path: Path
) -> None:
    assert lands(opened(store(bucket, tmp_path))) == lands(whole)
    assert front.sent < 300_000 < whole.layout.data_offset + 3_500_000
    assert [name.endswith(".mirror") for name in files(tmp_path)] == [True]


FAULTS = (Fault.CUT, Fault.SHORT, Fault.SHIFTED, Fault.UNRANGED, Fault.REFUSED)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("times", [1, 2, 5])
def test_ranges_that_come_wrong_are_asked_for_again(
    bucket: Bucket, front: Front, whole: WindFile, tmp_path: Path, fault: Fault, times: int
) -> None:
    mirror = store(bucket, tmp_path)
    wind = opened(mirror)
    front.strike(fault, times=times)
    try:
        assert lands(wind) == lands(whole)
    except StoreError:
        front.heal()
        assert lands(wind) == lands(whole)
    assert front.struck > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_ranges_that_go_on_coming_wrong_are_an_error_until_they_do_not(
    bucket: Bucket, front: Front, whole: WindFile, tmp_path: Path, fault: Fault
) -> None:
    wind = opened(store(bucket, tmp_path))
    front.strike(fault)
    with pytest.raises(StoreError):
        lands(wind)
    assert wind.partly is not None
    assert not wind.partly.present.any()
    front.heal()
    assert lands(wind) == lands(whole)


def test_an_object_replaced_in_the_middle_is_noticed_and_not_mixed(
    bucket: Bucket, near: Bucket, whole: WindFile, tmp_path: Path
) -> None:
    known = store(bucket, tmp_path)
    tag, before = known.tag(NAME), opened(known)
    assert lands(before) == lands(whole)
    near.put(NAME, content(turned=60))
    with pytest.raises(ChangedError, match="another"):
        lands(before, FAR)
    assert lands(before) == lands(whole)  # what is here is of one version
    assert known.tag(NAME) != tag
    after = opened(known)
    (tmp_path / "turned.npz").write_bytes(content(turned=60))
    turned = WindFile.open(tmp_path / "turned.npz")
    for rows in (ROWS, FAR):
        assert lands(after, rows) == lands(turned, rows) != lands(whole, rows)
    assert before.partly is not None
    assert before.partly.gone()


def test_a_removed_object_is_missed_and_what_is_here_flies_on(
    bucket: Bucket, near: Bucket, whole: WindFile, tmp_path: Path
) -> None:
    wind = opened(store(bucket, tmp_path))
    assert lands(wind) == lands(whole)
    near.delete(NAME)
    with pytest.raises(StoreError, match=f"has no {NAME}"):
        lands(wind, FAR)
    assert lands(wind) == lands(whole)


def test_after_a_crash_of_the_machine_nothing_is_trusted(
    bucket: Bucket, front: Front, whole: WindFile, tmp_path: Path
) -> None:
    """What was not synced may be zeros then, though the name and the flags of the pieces survived."""
    assert lands(opened(store(bucket, tmp_path, boot="before"))) == lands(whole)
    (mirror,) = tmp_path.glob("*.mirror")
    size = len(content())
    with mirror.open("r+b") as stream:
        stream.seek(2000)
        stream.write(bytes(size - 8000))
    zeroed = opened(store(bucket, tmp_path, boot="before"))
    assert lands(zeroed) != lands(whole)  # as it would be, if the boot were the same
    sent = front.sent
    assert lands(opened(store(bucket, tmp_path, boot="after"))) == lands(whole)
    assert front.sent > sent
    assert [".after." in name for name in files(tmp_path)] == [True]


def test_other_workers_of_the_same_boot_find_what_was_fetched(
    bucket: Bucket, front: Front, whole: WindFile, tmp_path: Path
) -> None:
    assert lands(opened(store(bucket, tmp_path))) == lands(whole)
    sent = front.sent
    assert lands(opened(store(bucket, tmp_path))) == lands(whole)
    assert front.sent == sent


def test_the_cache_counts_what_is_on_disk(bucket: Bucket, tmp_path: Path) -> None:
    known = store(bucket, tmp_path)
    lands(opened(known))
    (size,) = known.cached().values()
    (mirror,) = tmp_path.glob("*.mirror")
    assert size == 512 * mirror.stat().st_blocks < 400_000
    shares = known.shares(CYCLE)
    assert shares[OTHER] == 0.0 < shares[NAME] < 0.1


def test_the_least_used_mirror_makes_room_for_another(
    bucket: Bucket, whole: WindFile, tmp_path: Path
) -> None:
    known = store(bucket, tmp_path, capacity=300_000)
    before = opened(known, OTHER)
    lands(before)
    os.utime(next(tmp_path.glob("*.mirror")), (1e9, 1e9))
    wind = opened(known)
    for lon in range(-180, 180, 40):
        rows = plan(lat=20.0, lon=float(lon)).columns()
        try:
            assert lands(wind, rows) == lands(whole, rows)
        except UnavailableError as error:
            assert "raise HABSIM_CACHE_BYTES" in str(error)
            break
    assert before.partly is not None
    assert before.partly.gone()
    assert sum(known.cached().values()) <= 300_000


def test_a_cycle_needs_room_for_an_ensemble_and_whole_members_only_where_they_are_wanted(
    bucket: Bucket, tmp_path: Path
) -> None:
    for capacity, whole, short in ((5 << 20, False, False), (5 << 20, True, True), (3 << 20, False, True)):
        known = store(bucket, tmp_path, capacity, whole)
        known.tag(NAME)
        assert (known.shortage() is not None) == short, (capacity, whole)
    assert "2 members takes 4 MB" in str(known.shortage())


def test_there_is_as_much_room_after_the_versions_are_forgotten(bucket: Bucket, tmp_path: Path) -> None:
    known = store(bucket, tmp_path)
    file = known.file(NAME, windfile.survey)
    known.forget()
    lands(WindFile.open(file))
    assert known.shortage() is None


def test_whole_copies_take_the_place_of_mirrors_one_after_the_other(
    bucket: Bucket, front: Front, whole: WindFile, tmp_path: Path
) -> None:
    assert not store(bucket, tmp_path).complete(CYCLE)
    known = store(bucket, tmp_path, whole=True)
    wind = opened(known)
    lands(wind)
    assert known.complete(CYCLE)
    assert known.shares(CYCLE) == {NAME: 1.0, OTHER: 0.0}
    assert known.whole(NAME)
    assert wind.partly is not None
    assert wind.partly.gone()
    again = opened(known)
    assert again.partly is None
    assert again.field.present == 0
    assert lands(again) == lands(whole)
    assert known.complete(CYCLE)
    assert not known.complete(CYCLE)
    assert [name.endswith(".npz") for name in files(tmp_path)] == [True, True]
    assert front.sent > 2 * len(content())


def test_a_whole_copy_damaged_on_the_way_is_not_taken(bucket: Bucket, front: Front, tmp_path: Path) -> None:
    known = store(bucket, tmp_path, whole=True)
    front.strike(Fault.SPOILT, times=1)
    assert known.complete(CYCLE)
    assert front.struck == 1
    (copy,) = tmp_path.glob("*.npz")
    assert copy.read_bytes() == content()


def test_a_small_object_is_copied_whole(bucket: Bucket, near: Bucket, tmp_path: Path) -> None:
    coarse = Grid(7, 13, 3)
    near.put(NAME, saved(tmp_path / "small.npz", winds.rough(coarse), coarse).read_bytes())
    known = store(bucket, tmp_path / "cache")
    assert opened(known).partly is None
    known.begin(OTHER, windfile.survey)
    assert len(files(tmp_path / "cache")) == 2


def test_large_elevation_is_mirrored_by_rows(bucket: Bucket, near: Bucket, tmp_path: Path) -> None:
    cells = (np.arange(720)[:, None] * 3 + np.arange(1440) % 7).astype("<i2")
    stream = io.BytesIO()
    np.save(stream, cells)
    near.put(ELEVATION, stream.getvalue())
    known = store(bucket, tmp_path)
    ground = Elevation.open(known.file(ELEVATION, elev.survey))
    expected = Elevation(cells, "")
    for lat, lon in ((10.0, 20.0), (90.0, 0.0), (-90.0, 180.0), (-33.3, -180.0)):
        assert ground.at(lat, lon) == expected.at(lat, lon)
    assert ground.source == "worldelev.npy, 720 x 1440 cells"
    assert ground.partly is not None
    assert 0 < ground.partly.present.sum() < 500


def test_a_full_cache_is_an_error_that_says_so_and_what_is_here_flies_on(
    bucket: Bucket, whole: WindFile, tmp_path: Path
) -> None:
    wind = opened(store(bucket, tmp_path, capacity=200_000))
    assert lands(wind) == lands(whole)
    with pytest.raises(UnavailableError, match="raise HABSIM_CACHE_BYTES"):
        for lon in range(-180, 180, 20):
            lands(wind, plan(lat=20.0, lon=float(lon)).columns())
    assert lands(wind) == lands(whole)
