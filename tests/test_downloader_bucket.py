"""A bucket as the downloader's store: published whole, the lease honoured, old cycles removed in time."""

import json
from pathlib import Path

import pytest

from habsim.bucket import Bucket
from habsim.cycle import PERIOD, Cycle
from habsim.errors import BusyError
from scripts.auto_downloader import DONE
from scripts.downloader.bucket_target import LEASE, BucketTarget
from scripts.downloader.target import complete, current, point
from tests.noaa import noaa
from tests.s3server import S3Server
from tests.test_auto_downloader import CYCLE, MEMBERS, SPACING, TIMES, download

LATER = [Cycle.at(CYCLE.time + number * PERIOD) for number in range(5)]


def test_a_cycle_is_brought_into_a_bucket(tmp_path: Path, s3: S3Server) -> None:
    settings = s3.with_settings(prefix=tmp_path.name)
    with noaa() as host:
        host.publish(CYCLE, MEMBERS, TIMES, SPACING)
        store = {
            "HABSIM_STORE": f"s3://{settings.bucket}/{settings.prefix}",
            "S3_ENDPOINT_URL": str(settings.endpoint),
            "AWS_ACCESS_KEY_ID": str(settings.access_key),
            "AWS_SECRET_ACCESS_KEY": str(settings.secret_key),
        }
        done = download(tmp_path, [host], settings=store)
        assert done.returncode == DONE, done.stderr
        assert download(tmp_path, [host], settings=store).returncode == DONE
    names = set(Bucket(settings).heads(""))
    members = {CYCLE.member_file(number) for number in range(MEMBERS)}
    assert names == {*members, "whichgefs", "worldelev.npy", "worldelev.txt", "publications.txt"}
    assert str(settings.secret_key) not in done.stderr


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
