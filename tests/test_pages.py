"""The page's files: one edition, kept for ever, compressed, strict policy; tiles; what the page is told."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import WEB
from habsim.errors import SettingsError
from habsim.pages import digest
from habsim.settings import Settings, Site
from habsim.tiles import tile
from tests.service import application, error, get
from tests.stores import publish_cycle

HEAVIEST = 600_000  # bytes of the page, compressed, without tiles
SECRET = "correct horse"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_cycle(tmp_path_factory.mktemp("store"))


@pytest.fixture
def app(store: Path, tmp_path: Path) -> Flask:
    return application(store, tmp_path, password=None)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def google(store: Path, data: Path) -> FlaskClient:
    return application(store, data, google_key="a-key", google_map="a-map").test_client()


def files_of(page: str) -> list[str]:
    """Return the addresses of the scripts and styles that a page loads by itself."""
    return re.findall(r'(?:src|href)="(/page/[^"]+)"', page)


def loaded(client: FlaskClient) -> dict[str, bytes]:
    """Return every file that opening the page loads, by address, as a browser gets it."""
    waiting, found = files_of(client.get("/").text), {}
    while waiting:
        address = waiting.pop()
        if address in found:
            continue
        response = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200, address
        found[address] = response.data
        if address.endswith(("js", "mjs")):
            text = gzip.decompress(response.data).decode() if response.content_encoding else response.text
            for name in re.findall(r'(?:from|import|import\()\s*"(\.[^"]+)"', text):
                waiting.append(str((Path(address).parent / name).as_posix()).replace("/./", "/"))
    return found


def test_the_page_loads_files_of_one_edition_that_browsers_keep_for_ever(client: FlaskClient) -> None:
    page = client.get("/")
    assert page.mimetype == "text/html"
    assert page.headers["Cache-Control"] == "no-cache"
    addresses = files_of(page.text)
    assert {address.rpartition(".")[2] for address in addresses} == {"css", "js"}
    for address in addresses:
        assert address.startswith(f"/page/{digest(WEB)}/")
        response = client.get(address)
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.mimetype == ("text/css" if address.endswith("css") else "text/javascript")


def test_another_edition_and_what_is_no_file_of_the_page_are_not_there(client: FlaskClient) -> None:
    edition = digest(WEB)
    for name in (
        "000000000000/app.js",
        f"{edition}/index.html",
        f"{edition}/../app.py",
        f"{edition}/nothing.js",
        f"{edition}/{'long' * 100}",
        f"{edition}/a%00b",
        f"{edition}/vendor",
    ):
        assert "see /docs" in error(client, f"/page/{name}", {}, 404)
    for name in ("basemap/base.mbtiles", "login.html", "docs.html"):
        error(client, f"/page/{edition}/{name}", {}, 404)


def test_the_edition_is_named_by_the_content_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    for name in ("app.js", "vendor/map.js", "index.html"):
        (tmp_path / name).write_text(name)
    before = digest(tmp_path)
    (tmp_path / "index.html").write_text("is asked for each time")
    assert digest(tmp_path) == before
    (tmp_path / "vendor/map.js").write_text("changed")
    assert digest(tmp_path) != before
    (tmp_path / "vendor/map.js").write_text("vendor/map.js")
    assert digest(tmp_path) == before
    (tmp_path / "app.js").rename(tmp_path / "main.js")
    assert digest(tmp_path) != before


def test_the_page_weighs_little(client: FlaskClient) -> None:
    files = loaded(client)
    assert any("maplibre" in address for address in files)
    assert sum(map(len, files.values())) <= HEAVIEST


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
def test_answers_are_compressed_for_who_asks(client: FlaskClient, coding: str) -> None:
    for address in ("/openapi.json", files_of(client.get("/").text)[0]):
        response = client.get(address, headers={"Accept-Encoding": coding})
        assert response.content_encoding == coding
        assert "Accept-Encoding" in response.headers["Vary"]
        assert len(response.data) < len(client.get(address).data) / 2
        assert client.get(address).content_encoding is None


def test_a_map_tile_is_the_one_of_the_file(client: FlaskClient) -> None:
    """MBTiles count rows from the south: the northernmost row of zoom 6 that has land is Greenland's."""
    response = client.get("/tiles/base/6/21/5.pbf")
    assert response.data == tile(WEB / "basemap" / "base.mbtiles", 6, 21, 5)
    assert gzip.decompress(response.data)[:1] == b"\x1a"  # a layer of a vector tile
    assert response.content_encoding == "gzip"
    assert response.mimetype == "application/x-protobuf"
    assert "max-age" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    "address", ["base/6/5/32", "places/0/1/0", "base/31/0/0", "base/99999999999/0/0", "places/3/8/0"]
)
def test_where_there_is_no_tile_there_is_nothing(client: FlaskClient, address: str) -> None:
    response = client.get(f"/tiles/{address}.pbf")
    assert (response.status_code, response.data) == (204, b"")


@pytest.mark.parametrize("address", ["sea/0/0/0", "base/-1/0/0", "base/a/0/0", "base/0/0", "..%2fbase/0/0/0"])
def test_what_is_no_tile_is_not_there(client: FlaskClient, address: str) -> None:
    error(client, f"/tiles/{address}.pbf", {}, 404)


def test_the_page_is_told_limits_site_and_members(app: Flask, client: FlaskClient) -> None:
    told = get(client, "/config.json")
    assert told["site"] == {"lat": 37.3553, "lon": -121.8763, "alt": 24.0}
    assert told["members"] == 3
    assert told["google"] is None
    assert (told["password"], told["online_layers"]) == (False, False)
    limits = told["parameters"]
    assert (limits["asc"]["minimum"], limits["asc"]["maximum"], limits["asc"]["unit"]) == (0.1, 20, "m/s")
    assert limits["equil"]["exclusive"] is True
    assert limits["model"]["maximum"] == 2
    assert limits["descent_model"]["enum"] == ["constant", "drag"]
    described = get(client, "/openapi.json")["paths"]["/sim/spaceshot"]["get"]["parameters"]
    assert {parameter["name"] for parameter in described} <= limits.keys()


def test_the_site_is_the_one_configured(store: Path, tmp_path: Path) -> None:
    client = application(store, tmp_path, site=Site(-45.0, 170.5, 300.0)).test_client()
    assert get(client, "/config.json")["site"] == {"lat": -45.0, "lon": 170.5, "alt": 300.0}


def test_nothing_secret_is_told(store: Path, tmp_path: Path) -> None:
    client = application(store, tmp_path, password=SECRET, secret_key="of the cookies").test_client()
    response = client.get("/config.json", headers={"Authorization": f"Bearer {SECRET}"})
    assert response.get_json()["password"] is True
    assert SECRET not in response.text
    assert "of the cookies" not in response.text


@pytest.mark.parametrize(
    "route", ["/config.json", "/tiles/base/0/0/0.pbf", "/sim/places?q=a", "/sim/zone?lat=0&lon=0"]
)
def test_the_gate_is_before_all_of_it(store: Path, tmp_path: Path, route: str) -> None:
    client = application(store, tmp_path, password=SECRET).test_client()
    assert client.get(route).status_code == 403
    assert client.get(f"/page/{digest(WEB)}/app.js").status_code == 403
    assert client.post("/sim/inside", json={}).status_code == 403


def test_behind_the_gate_files_and_tiles_are_kept_by_browsers_only(store: Path, tmp_path: Path) -> None:
    client = application(store, tmp_path, password=SECRET).test_client()
    for address in (f"/page/{digest(WEB)}/app.js", "/tiles/base/0/0/0.pbf"):
        response = client.get(address, headers={"Authorization": f"Bearer {SECRET}"})
        assert response.status_code == 200
        assert response.cache_control.private
        assert not response.cache_control.public
        assert response.cache_control.max_age


def directives(policy: str) -> dict[str, list[str]]:
    parts = (part.split() for part in policy.split(";"))
    return {name: sources for name, *sources in parts}


def test_without_google_all_is_ours(client: FlaskClient) -> None:
    policy = directives(client.get("/").headers["Content-Security-Policy"])
    assert policy["default-src"] == ["'self'"]
    assert {"script-src", "style-src"}.isdisjoint(policy)
    assert all("http" not in source for sources in policy.values() for source in sources)


def test_with_online_layers_one_host_more_may_be_asked(store: Path, tmp_path: Path) -> None:
    client = application(store, tmp_path, online_layers=True).test_client()
    policy = directives(client.get("/").headers["Content-Security-Policy"])
    assert policy["img-src"] == ["'self'", "data:", "blob:", "https://tile.openstreetmap.org"]
    assert policy["connect-src"] == ["'self'", "https://tile.openstreetmap.org"]
    assert get(client, "/config.json")["online_layers"] is True


def test_with_google_scripts_and_styles_have_a_nonce_that_is_new_each_time(
    store: Path, tmp_path: Path
) -> None:
    client = google(store, tmp_path)
    nonces = set()
    for _ in range(2):
        page = client.get("/")
        policy = directives(page.headers["Content-Security-Policy"])
        nonce = policy["script-src"][0].removeprefix("'nonce-").rstrip("'")
        assert policy["script-src"][1:] == ["'strict-dynamic'", "https:", "'unsafe-eval'", "blob:"]
        assert policy["style-src"] == [f"'nonce-{nonce}'", "https://fonts.googleapis.com"]
        tags = re.findall(r"<(?:script|link rel=\"stylesheet\")[^>]*>", page.text)
        assert tags
        assert all(f'nonce="{nonce}"' in tag for tag in tags)
        nonces.add(nonce)
    assert len(nonces) == 2
    assert get(client, "/config.json")["google"] == {"key": "a-key", "map_id": "a-map"}
    assert "nonce" not in client.get("/openapi.json").headers["Content-Security-Policy"]


def test_the_referrer_is_told_to_the_origin_at_least(client: FlaskClient) -> None:
    """Google's key restriction and OpenStreetMap's tiles need it."""
    assert client.get("/").headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


@pytest.mark.parametrize("text", ["1,2", "a,b,c", "91,0,0", "0,181,0", "0,0,-1", "nan,0,0"])
def test_a_site_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="HABSIM_SITE must be"):
        Settings.from_environment({"HABSIM_SITE": text})


@pytest.mark.parametrize("text", ["51.5, -0.1, 20", "51.5,-0.1,20 m", " 51.5 , -0.1 , 20m "])
def test_a_site_is_three_numbers(text: str) -> None:
    assert Settings.from_environment({"HABSIM_SITE": text}).site == Site(51.5, -0.1, 20.0)


def test_heads_are_answered(client: FlaskClient) -> None:
    edition: Any = digest(WEB)
    for address in ("/", "/config.json", f"/page/{edition}/app.js", "/tiles/base/0/0/0.pbf"):
        response = client.head(address)
        assert (response.status_code, response.data) == (200, b""), address
