"""A bucket of a real S3 service, over a wire that fails when told to, and what is said of each failure."""

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import BinaryIO

import pytest

from habsim.bucket import Bucket, Head
from habsim.errors import BadFileError, SettingsError, StoreError
from habsim.filecache import FileCache
from habsim.s3 import connect
from habsim.settings import S3Settings
from tests.s3server import BUCKET, OPEN_BUCKET, S3Server, Wire, free_ports, serving, wire_to

pytestmark = pytest.mark.xdist_group("s3")

NOBODY: dict[str, str | None] = {"access_key": None, "secret_key": None}
MEGABYTE = 1 << 20
LARGE = os.urandom(5 * MEGABYTE)
ASKING: dict[str, Callable[[Bucket], object]] = {
    "read": lambda bucket: bucket.read("whichgefs"),
    "head": lambda bucket: bucket.head("whichgefs"),
    "heads": lambda bucket: bucket.heads("2026"),
    "read_range": lambda bucket: bucket.read_range("whichgefs", 0, 1, '"tag"'),
    "put": lambda bucket: bucket.put("whichgefs", b"2026010100"),
    "upload": lambda bucket: bucket.upload("code", Path(__file__)),
    "delete": lambda bucket: bucket.delete("whichgefs"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with serving() as running:
        yield running


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest) -> Bucket:
    """A bucket of the test's own: its name is the prefix."""
    return Bucket(server.with_settings(prefix=own_prefix(request)))


@pytest.fixture
def wire(server: S3Server) -> Iterator[Wire]:
    with wire_to(server.port) as wire:
        yield wire


@pytest.fixture
def far(server: S3Server, wire: Wire, request: pytest.FixtureRequest) -> Bucket:
    """The same objects as `bucket`, over the wire; less patient."""
    return Bucket(over(wire, server, request), tries=3, timeout=1.0)


def own_prefix(request: pytest.FixtureRequest) -> str:
    return hashlib.sha256(request.node.name.encode()).hexdigest()[:12]


def over(wire: Wire, server: S3Server, request: pytest.FixtureRequest) -> S3Settings:
    return server.with_settings(prefix=own_prefix(request), endpoint=f"http://127.0.0.1:{wire.port}")


def stored(bucket: Bucket, name: str, content: bytes) -> Head:
    """Return the head of a new object."""
    bucket.put(name, content)
    head = bucket.head(name)
    assert head is not None
    return head


def failure(bucket: Bucket, ask: Callable[[Bucket], object]) -> str:
    """Return the one line that is said when asking fails; it names the store, and nothing secret."""
    with pytest.raises(StoreError) as caught:
        ask(bucket)
    message = str(caught.value)
    assert bucket.address in message
    assert "\n" not in message
    assert "secret" not in message.replace("AWS_SECRET_ACCESS_KEY", "")
    return message


def downloaded(bucket: Bucket, name: str, head: Head) -> bytes:
    stream = io.BytesIO()
    bucket.download(name, head, stream)
    return stream.getvalue()


def test_what_is_not_there_is_none(bucket: Bucket) -> None:
    assert bucket.read("whichgefs") is None
    assert bucket.head("whichgefs") is None
    assert bucket.heads("") == {}
    bucket.delete("whichgefs")


def test_an_object_is_read_replaced_and_removed(bucket: Bucket) -> None:
    first = stored(bucket, "whichgefs", b"2026010100\n")
    assert first.size == 11
    assert bucket.read("whichgefs") == b"2026010100\n"
    assert stored(bucket, "whichgefs", b"2026010106\n").etag != first.etag
    assert bucket.read("whichgefs") == b"2026010106\n"
    bucket.delete("whichgefs")
    assert bucket.read("whichgefs") is None


def test_an_empty_object_is_not_a_missing_one(bucket: Bucket) -> None:
    head = stored(bucket, "empty", b"")
    assert head.size == 0
    assert bucket.read("empty") == b""
    assert downloaded(bucket, "empty", head) == b""


def test_an_object_larger_than_the_limit_is_not_read(bucket: Bucket) -> None:
    stored(bucket, "whichgefs", bytes(101))
    assert "101 bytes" in failure(bucket, lambda bucket: bucket.read("whichgefs", limit=100))
    assert bucket.read("whichgefs", limit=101) == bytes(101)


def test_a_listing_has_the_heads_of_the_names_that_begin_so(bucket: Bucket) -> None:
    names = ("2026010100_00.npz", "2026010100_01.npz", "2026010106_00.npz", "whichgefs")
    heads = {name: stored(bucket, name, name.encode()) for name in names}
    assert bucket.heads("2026010100_") == {name: heads[name] for name in names[:2]}
    assert bucket.heads("") == heads


def test_prefixes_of_one_bucket_are_stores_apart(server: S3Server, bucket: Bucket) -> None:
    beside = Bucket(server.with_settings(prefix=f"{bucket.address.split('/')[3].split()[0]}-beside"))
    stored(beside, "whichgefs", b"2026010100")
    assert bucket.read("whichgefs") is None
    assert bucket.heads("") == {}


def test_a_listing_has_more_than_one_page(bucket: Bucket) -> None:
    names = {f"{number:04d}" for number in range(1001)}  # a page has at most 1000
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: bucket.put(name, b""), names))
    assert set(bucket.heads("")) == names


def test_bytes_are_read_from_the_middle(bucket: Bucket) -> None:
    head = stored(bucket, "member", LARGE)
    assert bucket.read_range("member", 0, 1, head.etag) == LARGE[:1]
    assert bucket.read_range("member", 3_000_000, 1_500_000, head.etag) == LARGE[3_000_000:4_500_000]
    assert bucket.read_range("member", head.size - 1, 1, head.etag) == LARGE[-1:]


def test_bytes_past_the_end_are_an_error(bucket: Bucket) -> None:
    head = stored(bucket, "member", bytes(100))
    message = failure(bucket, lambda bucket: bucket.read_range("member", 90, 11, head.etag))
    assert "bytes 90-99, not bytes 90-100 of the member" in message
    message = failure(bucket, lambda bucket: bucket.read_range("member", 100, 1, head.etag))
    assert "shorter member" in message


def test_a_file_of_many_parts_comes_back_as_it_went(bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "member.npz"
    path.write_bytes(LARGE * 8)  # 40 MiB: two whole parts and a half
    bucket.upload("member.npz", path)
    head = bucket.head("member.npz")
    assert head is not None
    assert head.size == 40 * MEGABYTE
    assert bucket.heads("member") == {"member.npz": head}
    assert downloaded(bucket, "member.npz", head) == path.read_bytes()


def test_a_download_tells_how_far_it_is(bucket: Bucket) -> None:
    head = stored(bucket, "member", LARGE)
    pieces: list[int] = []
    bucket.download("member", head, io.BytesIO(), pieces.append)
    assert sum(pieces) == len(LARGE)
    assert len(pieces) > 1


def test_a_download_goes_on_where_the_connection_broke(bucket: Bucket, far: Bucket, wire: Wire) -> None:
    head = stored(bucket, "member", LARGE)
    wire.cut(2 * MEGABYTE, MEGABYTE)
    assert downloaded(far, "member", head) == LARGE
    assert wire.cuts == 2
    assert wire.answered < 6 * MEGABYTE  # no byte but those lost in the cuts was asked for twice


def test_a_small_read_survives_a_broken_connection(bucket: Bucket, far: Bucket, wire: Wire) -> None:
    stored(bucket, "whichgefs", bytes(1000))
    wire.cut(900)  # in the body: the answer's head is shorter
    assert far.read("whichgefs") == bytes(1000)
    assert wire.cuts == 1


def test_a_download_that_keeps_breaking_is_given_up(bucket: Bucket, far: Bucket, wire: Wire) -> None:
    head = stored(bucket, "member", LARGE)
    wire.cut(*[MEGABYTE] * 4)
    assert "broke off 3 times" in failure(far, lambda bucket: downloaded(bucket, "member", head))


def test_an_upload_survives_a_broken_connection(
    bucket: Bucket, far: Bucket, wire: Wire, tmp_path: Path
) -> None:
    path = tmp_path / "member.npz"
    path.write_bytes(LARGE * 4)  # 20 MiB: two parts
    wire.cut(1)
    far.upload("member.npz", path)
    head = bucket.head("member.npz")
    assert head is not None
    assert downloaded(bucket, "member.npz", head) == path.read_bytes()
    assert wire.cuts == 1


def test_a_replaced_object_is_not_read_under_its_old_tag(bucket: Bucket) -> None:
    head = stored(bucket, "member", b"old")
    stored(bucket, "member", b"new")
    asks: list[Callable[[Bucket], object]] = [
        lambda bucket: bucket.read_range("member", 0, 3, head.etag),
        lambda bucket: downloaded(bucket, "member", head),
    ]
    for ask in asks:
        assert "has another member than a moment ago: ask again" in failure(bucket, ask)


def test_a_download_does_not_mix_an_object_with_its_replacement(
    bucket: Bucket, far: Bucket, wire: Wire
) -> None:
    head = stored(bucket, "member", LARGE)
    wire.cut(2 * MEGABYTE)

    def replace(_size: int) -> None:
        bucket.put("member", bytes(len(LARGE)))

    def ask(bucket: Bucket) -> None:
        bucket.download("member", head, io.BytesIO(), replace)

    assert "has another member than a moment ago: ask again" in failure(far, ask)


def test_a_removed_object_is_missed(bucket: Bucket) -> None:
    head = stored(bucket, "member", b"here")
    bucket.delete("member")
    assert "has no member" in failure(bucket, lambda bucket: downloaded(bucket, "member", head))


def test_what_the_stream_raises_is_not_the_stores_fault(bucket: Bucket) -> None:
    head = stored(bucket, "member", LARGE)
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        bucket.download("member", head, full)


def test_a_file_damaged_on_the_way_is_fetched_again(
    bucket: Bucket, far: Bucket, wire: Wire, tmp_path: Path
) -> None:
    head = stored(bucket, "member", LARGE)
    wire.spoil(3 * MEGABYTE)
    fetches: list[int] = []

    def fill(stream: BinaryIO) -> None:
        fetches.append(head.size)
        far.download("member", head, stream)

    def check(path: Path) -> None:
        if path.read_bytes() != LARGE:
            raise BadFileError("member is damaged")

    path = FileCache(tmp_path, 10 * MEGABYTE, pause=0.0).get("member", head.size, fill, check)
    assert path.read_bytes() == LARGE
    assert len(fetches) == 2


@pytest.mark.parametrize("wrong", [{"access_key": "another-key"}, {"secret_key": "another-secret"}], ids=str)
def test_wrong_keys_are_told(server: S3Server, wrong: dict[str, str]) -> None:
    stranger = Bucket(server.with_settings(**wrong))
    for ask in ASKING.values():
        message = failure(stranger, ask)
        assert "refuses these keys" in message
        assert "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in message


def test_missing_keys_are_told(server: S3Server) -> None:
    anyone = Bucket(server.with_settings(**NOBODY))
    for ask in ASKING.values():
        message = failure(anyone, ask)
        assert "wants keys" in message
        assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in message


def test_without_keys_what_is_public_is_read_and_not_written(server: S3Server) -> None:
    stored(Bucket(server.with_settings(bucket=OPEN_BUCKET)), "whichgefs", b"2026010100")
    public = Bucket(server.with_settings(bucket=OPEN_BUCKET, **NOBODY))
    assert public.read("whichgefs") == b"2026010100"
    assert public.read("elsewhere") is None
    assert list(public.heads("which")) == ["whichgefs"]
    assert "wants keys" in failure(public, ASKING["put"])


def test_the_machines_own_keys_profiles_and_endpoints_are_not_used(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(server.settings.access_key))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(server.settings.secret_key))
    monkeypatch.setenv("AWS_PROFILE", "nobody-made-this")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert Bucket(server.settings).head("elsewhere") is None
    assert "wants keys" in failure(Bucket(server.with_settings(**NOBODY)), ASKING["read"])
    amazon = connect(settings(endpoint=None), tries=1, timeout=1.0)
    assert amazon.meta.endpoint_url == "https://s3.us-west-1.amazonaws.com"


def test_a_missing_bucket_is_told(server: S3Server) -> None:
    missing = Bucket(server.with_settings(bucket="no-such-bucket"))
    for name in ASKING.keys() - {"read_range"}:  # for which SeaweedFS misses the object
        message = failure(missing, ASKING[name])
        assert "does not exist: create the bucket, or correct S3_BUCKET_NAME" in message


def test_a_service_that_is_away_is_told(server: S3Server) -> None:
    (port,) = free_ports(1)
    away = Bucket(server.with_settings(endpoint=f"http://127.0.0.1:{port}"), tries=1)
    for ask in ASKING.values():
        assert "cannot be reached: check S3_ENDPOINT_URL and the network" in failure(away, ask)


def test_a_service_that_hangs_up_is_told(far: Bucket, wire: Wire) -> None:
    assert far.head("whichgefs") is None
    wire.refuse()
    assert "cannot be reached" in failure(far, ASKING["head"])
    wire.refuse(False)
    assert far.head("whichgefs") is None


def test_a_service_that_falls_silent_is_told(
    server: S3Server, wire: Wire, request: pytest.FixtureRequest
) -> None:
    wire.pause = 2.0
    hasty = Bucket(over(wire, server, request), tries=1, timeout=0.2)
    assert "does not answer in time" in failure(hasty, ASKING["head"])


@contextmanager
def web_page(content: bytes) -> Iterator[str]:
    """Yield the address of a site that answers everything with `content`."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815, the name that the base class calls

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as site:
        thread = Thread(target=site.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_port}"
        finally:
            site.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("content", "ask"),
    [
        (b"<html><body>Welcome</body></html>", "read"),
        (b"<html><body>Welcome</body></html>", "head"),
        (b"<html><body>Welcome</body></html>", "heads"),
        (b"<html><br>Welcome", "heads"),
        (b"<ListBucketResult><MaxKeys>many</MaxKeys></ListBucketResult>", "heads"),
    ],
)
def test_what_is_no_s3_service_is_told(content: bytes, ask: str) -> None:
    with web_page(content) as endpoint:
        message = failure(Bucket(settings(endpoint=endpoint), tries=1), ASKING[ask])
    assert "S3_ENDPOINT_URL" in message


def test_a_forked_process_has_connections_of_its_own(wire: Wire, server: S3Server) -> None:
    told = asdict(server.with_settings(endpoint=f"http://127.0.0.1:{wire.port}"))
    code = f"""
import os, sys
from habsim.bucket import Bucket
from habsim.settings import S3Settings
bucket = Bucket(S3Settings(**{told}))
assert "boto3" not in sys.modules
assert bucket.read("elsewhere") is None
child = os.fork()
assert bucket.read("elsewhere") is None
assert child == 0 or os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)
    assert wire.connections == 2


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"endpoint": None}, f"s3://{BUCKET}"),
        ({"endpoint": None, "prefix": "a/b"}, f"s3://{BUCKET}/a/b"),
        ({"endpoint": "https://r2.example.com", "prefix": "a"}, f"s3://{BUCKET}/a at r2.example.com"),
        ({"endpoint": "http://127.0.0.1:9000/"}, f"s3://{BUCKET} at 127.0.0.1:9000"),
    ],
)
def test_an_address_says_where_the_objects_are(changes: dict[str, str | None], address: str) -> None:
    assert Bucket(settings(**changes)).address == address


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"bucket": "a bucket"}, "S3_BUCKET_NAME"),
        ({"region": "us west"}, "AWS_REGION"),
        ({"endpoint": "r2.example.com"}, "S3_ENDPOINT_URL"),
        ({"endpoint": "ftp://r2.example.com"}, "S3_ENDPOINT_URL"),
        ({"endpoint": "http://host:port"}, "S3_ENDPOINT_URL"),
        ({"endpoint": "http://key:secret@host"}, "S3_ENDPOINT_URL"),
        ({"access_key": None}, "AWS_ACCESS_KEY_ID"),
        ({"secret_key": None}, "AWS_SECRET_ACCESS_KEY"),
        ({"secret_key": "secret\n"}, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, str | None], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        Bucket(settings(**changes))
    assert "secret" not in str(caught.value)


def settings(**changes: str | None) -> S3Settings:
    usual = {
        "bucket": BUCKET,
        "prefix": "",
        "region": "us-west-1",
        "endpoint": None,
        "access_key": "key",
        "secret_key": "secret",
    }
    return S3Settings(**{**usual, **changes})  # type: ignore[arg-type]
