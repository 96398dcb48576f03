"""A bucket as the downloader's store: published whole, the lease honoured, old cycles removed in time."""

import json
from pathlib import Path

import pytest

from habsim.bucket import Bucket
from habsim.cycle import PERIOD, Cycle
from habsim.errors import BusyError
from habsim.settings import S3Settings
from scripts.auto_downloader import DONE, NOT_YET
from scripts.downloader.bucket_target import BucketTarget
from scripts.downloader.lease import LEASE
from scripts.downloader.plan import grib_path
from scripts.downloader.target import complete, current, point
from tests.noaa import Noaa, noaa
from tests.s3server import S3Server
from tests.test_auto_downloader import CYCLE, MEMBERS, SPACING, TIMES, download

LATER = [Cycle.at(CYCLE.time + number * PERIOD) for number in range(5)]


def environment_of(settings: S3Settings) -> dict[str, str]:
    """Return the environment that makes the bucket of `settings` the store."""
    return {
        "HABSIM_STORE": f"s3://{settings.bucket}/{settings.prefix}",
        "S3_ENDPOINT_URL": str(settings.endpoint),
        "AWS_ACCESS_KEY_ID": str(settings.access_key),
        "AWS_SECRET_ACCESS_KEY": str(settings.secret_key),
    }


def test_a_cycle_is_brought_into_a_bucket(tmp_path: Path, s3: S3Server) -> None:
    settings = s3.with_settings(prefix=tmp_path.name)
    with noaa() as host:
        host.publish(CYCLE, MEMBERS, TIMES, SPACING)
        store = environment_of(settings)
        done = download(tmp_path, [host], settings=store)
        assert done.returncode == DONE, done.stderr
        assert download(tmp_path, [host], settings=store).returncode == DONE
    names = set(Bucket(settings).heads(""))
    members = {CYCLE.member_file(number) for number in range(MEMBERS)}
    assert names == {*members, "whichgefs", "worldelev.npy", "worldelev.txt", "publications.txt"}
    assert str(settings.secret_key) not in done.stderr


def test_a_cycle_has_no_members_of_an_earlier_run_that_wanted_other_hours(
    tmp_path: Path, s3: S3Server, host: Noaa
) -> None:
    settings = s3.with_settings(prefix=tmp_path.name)
    bucket, store = Bucket(settings), environment_of(settings)
    for end in ("", ".idx"):
        host.files.pop(grib_path(CYCLE, 1, "b", TIMES[-1]) + end)
    assert download(tmp_path, [host], settings=store).returncode == NOT_YET
    assert set(bucket.heads(str(CYCLE))) == {CYCLE.member_file(0)}
    done = download(tmp_path, [host], "--hours", "3", settings=store)
    assert done.returncode == DONE, done.stderr
    sizes = {head.size for head in bucket.heads(str(CYCLE)).values()}
    assert max(sizes) - min(sizes) < 64  # but for what their origins say
    assert len(bucket.heads(str(CYCLE))) == MEMBERS


def test_two_downloaders_of_one_machine_do_not_share_a_bucket(tmp_path: Path, s3: S3Server) -> None:
    settings = s3.with_settings(prefix=tmp_path.name)
    folders = tmp_path / "one", tmp_path / "other"
    one, other = (BucketTarget(settings, folder) for folder in folders)
    with one.claimed(), pytest.raises(BusyError, match="is at work"), other.claimed():
        pass
    with other.claimed():
        pass


def test_a_lease_of_a_run_that_died_is_taken_over_in_its_own_folder(tmp_path: Path, s3: S3Server) -> None:
    settings = s3.with_settings(prefix=tmp_path.name)
    died = BucketTarget(settings, tmp_path).claimed()
    died.__enter__()
    with BucketTarget(settings, tmp_path).claimed():
        assert Bucket(settings).read(LEASE) is not None


def test_a_lease_that_is_lost_ends_the_run_and_stays_who_has_its(tmp_path: Path, s3: S3Server) -> None:
    settings, now = s3.with_settings(prefix=tmp_path.name), [1000.0]
    target = BucketTarget(settings, tmp_path, lambda: now[0])
    others = json.dumps({"owner": "elsewhere 1", "until": 5000.0}).encode()
    with pytest.raises(BusyError, match="elsewhere"), target.claimed():
        now[0] = 2000.0  # so slow that the lease ran out, and somebody took it
        Bucket(settings).put(LEASE, others)
        target.renew()
    assert Bucket(settings).read(LEASE) == others


@pytest.mark.parametrize("text", [b"", b"mine", b"[]", b'{"owner": "elsewhere 1", "until": "soon"}'])
def test_a_lease_that_makes_no_sense_holds_nobody_up(tmp_path: Path, s3: S3Server, text: bytes) -> None:
    settings = s3.with_settings(prefix=tmp_path.name)
    Bucket(settings).put(LEASE, text)
    with BucketTarget(settings, tmp_path).claimed():
        assert Bucket(settings).read(LEASE) != text


def test_another_hosts_lease_is_honoured_until_it_runs_out(tmp_path: Path, s3: S3Server) -> None:
    settings = s3.with_settings(prefix=tmp_path.name)
    now = [1000.0]
    target = BucketTarget(settings, tmp_path, lambda: now[0])
    Bucket(settings).put(LEASE, json.dumps({"owner": "elsewhere 1", "until": 1500.0}).encode())
    with pytest.raises(BusyError, match="elsewhere"), target.claimed():
        pass
    now[0] = 1500.0
    with target.claimed():
        now[0] = 2000.0
        target.renew()
        assert json.loads(Bucket(settings).read(LEASE) or b"")["until"] == 2900.0
    assert Bucket(settings).read(LEASE) is None


def test_a_lease_that_another_took_meanwhile_is_not_taken(tmp_path: Path, s3: S3Server) -> None:
    bucket = Bucket(s3.with_settings(prefix=tmp_path.name))
    assert bucket.put_if("name", b"1", None)
    assert not bucket.put_if("name", b"2", None)
    head = bucket.head("name")
    assert head is not None
    assert bucket.put_if("name", b"3", head.etag)
    assert not bucket.put_if("name", b"4", head.etag)
    assert bucket.read("name") == b"3"


def test_old_cycles_go_at_the_publication_after_next_and_an_hour_later(tmp_path: Path, s3: S3Server) -> None:
    settings = s3.with_settings(prefix=tmp_path.name)
    bucket = Bucket(settings)
    target = BucketTarget(settings, tmp_path)
    now = 1e9
    for cycle in LATER[:3]:
        bucket.put(cycle.member_file(0), b"winds")
        assert point(target, cycle, now) == []
        assert current(target) == cycle
        assert complete(target, cycle, 1)
        assert not complete(target, cycle, 2)
        now += 600.0
    bucket.put(LATER[3].member_file(0), b"winds")
    # The first stopped being current 50 minutes ago, the second 40.
    assert point(target, LATER[3], now + 1800.0 - 1.0) == []
    assert point(target, LATER[3], now + 3600.0) == [LATER[0].member_file(0), LATER[1].member_file(0)]
    assert target.names() == {LATER[2].member_file(0), LATER[3].member_file(0)}
    # Pointing back keeps where it came from.
    assert point(target, LATER[2], now + 7200.0) == []
    assert target.names() == {LATER[2].member_file(0), LATER[3].member_file(0)}


def test_a_cycle_pointed_back_to_by_hand_stays_an_hour_longer(tmp_path: Path, s3: S3Server) -> None:
    bucket = Bucket(s3.with_settings(prefix=tmp_path.name))
    target = BucketTarget(s3.with_settings(prefix=tmp_path.name), tmp_path)
    now = 1e9
    for cycle in LATER[:2]:
        bucket.put(cycle.member_file(0), b"winds")
        assert point(target, cycle, now) == []
        now += PERIOD
    target.put_text("whichgefs", f"{LATER[0]}\n")
    bucket.put(LATER[2].member_file(0), b"winds")
    # The second stopped being current when somebody pointed at the first: no later than now.
    assert point(target, LATER[2], now) == []
    assert target.names() == {cycle.member_file(0) for cycle in LATER[:3]}
