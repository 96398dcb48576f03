"""Log-in and HTTP security: who is let through, what answers tell browsers, what names may be."""

import base64
import hashlib
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import WEB
from habsim.attempts import LIMIT, WINDOW, Attempts
from habsim.errors import SettingsError
from habsim.gate import guard
from habsim.settings import Settings
from tests.service import application
from tests.stores import publish_cycle

PASSWORD, KEY = "pässwörd=1 ☂", "a key for tests"
COOKIE = "habsim_session"
SHEET = "/vendor/swagger-ui-dist-5.35.0/swagger-ui.css"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ELSEWHERE = "https://elsewhere.example"


class Client(FlaskClient):
    """A client that reads every answer to its end, so that the server closes its files."""

    def open(
        self, *args: Any, buffered: bool = True, follow_redirects: bool = False, **kwargs: Any
    ) -> TestResponse:
        return super().open(*args, buffered=buffered, follow_redirects=follow_redirects, **kwargs)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_cycle(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def unguarded(store: Path, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return Client(application(store, tmp_path_factory.mktemp("data")))


@pytest.fixture
def client(store: Path, tmp_path: Path) -> FlaskClient:
    return Client(gated(store, tmp_path))


def gated(store: Path, data: Path, **settings: Any) -> Flask:
    return application(store, data, **{"password": PASSWORD, "secret_key": KEY, **settings})


def log_in(client: FlaskClient, password: str = PASSWORD, **request: Any) -> TestResponse:
    return client.post("/login", data={"password": password, "next": "/docs"}, **request)


def basic(password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'anyone:{password}'.encode()).decode()}"}


def bearer(password: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {password.encode().decode('latin-1')}"}  # WSGI's form of the bytes


def from_address(address: str) -> dict[str, str]:
    return {"REMOTE_ADDR": address}


# Who is let through


def test_every_route_but_probes_and_the_log_in_asks_for_the_password(client: FlaskClient) -> None:
    paths = {re.sub("<[^>]*>", "x", rule.rule) for rule in client.application.url_map.iter_rules()}
    paths |= {"/metrics", "/nowhere", "/vendor/../app.py", SHEET, "//sim/which", "/health/", "/LOGIN"}
    assert len(paths) > 15
    answered = {
        path for path in paths if client.get(path, headers={"Accept": "application/json"}).status_code != 403
    }
    assert answered == {"/health", "/ready", "/login", "/login.css", "/logout"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_no_method_goes_round_the_gate(client: FlaskClient, method: str) -> None:
    assert client.open("/sim/refresh", method=method).status_code == 403


def test_programs_are_told_in_json_how_to_log_in(client: FlaskClient) -> None:
    response = client.get("/sim/models")
    assert response.status_code == 403
    assert "/login" in response.get_json()["error"]
    assert response.get_json().keys() == {"error"}


def test_without_a_password_there_is_no_log_in(unguarded: FlaskClient) -> None:
    for path in ("/docs", "/sim/models", "/openapi.json", SHEET):
        response = unguarded.get(path)
        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers
    assert unguarded.get("/login").location == "/"
    assert unguarded.post("/login", data={"password": "x"}).location == "/"


@pytest.mark.parametrize("path", ["/", "/docs", "/docs?q=a%20b&c=%22"])
@pytest.mark.parametrize("accept", [BROWSER["Accept"], "*/*", None])
def test_a_page_sends_browsers_to_the_log_in_and_the_log_in_back_to_it(
    client: FlaskClient, path: str, accept: str | None
) -> None:
    response = client.get(path, headers={"Accept": accept} if accept else {})
    assert response.status_code == 303
    target = urlsplit(response.location)
    assert (target.scheme, target.netloc, target.path) == ("", "", "/login")
    assert parse_qs(target.query) == {"next": [path]}
    form = client.get(response.location).text
    assert f'name="next" value="{path.replace("&", "&amp;")}"' in form
    assert client.post("/login", data={"password": PASSWORD, "next": path}).location == path


def test_a_page_asked_for_as_json_is_refused_as_json(client: FlaskClient) -> None:
    response = client.get("/docs", headers={"Accept": "application/json"})
    assert (response.status_code, response.mimetype) == (403, "application/json")


def test_a_log_in_opens_everything_until_the_log_out(client: FlaskClient) -> None:
    assert log_in(client).status_code == 303
    for path in ("/docs", "/sim/models", "/openapi.json", SHEET):
        assert client.get(path).status_code == 200
    assert client.get("/login?next=/docs").location == "/docs"
    assert client.get("/logout").location == "/login"
    assert client.get("/sim/models").status_code == 403


@pytest.mark.parametrize("credentials", [basic, bearer])
def test_programs_send_the_password_with_each_request(client: FlaskClient, credentials: Any) -> None:
    response = client.get("/sim/models", headers=credentials(PASSWORD))
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers
    assert client.get("/sim/models").status_code == 403
    wrong = client.get("/sim/models", headers=credentials(PASSWORD[:-1]))
    assert (wrong.status_code, wrong.get_json()) == (403, {"error": "the password is wrong"})


@pytest.mark.parametrize(
    "password", ["a b", " a", "ÿ", "密码", "🎈", "a:b", "a=b,c=d", "x" * 1000, "'\"\\<&"]
)
def test_a_password_may_be_of_any_characters(store: Path, tmp_path: Path, password: str) -> None:
    client = Client(gated(store, tmp_path, password=password))
    assert client.get("/sim/models", headers=basic(password)).status_code == 200
    assert log_in(client, password).status_code == 303


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_it_does_not_matter_how_a_keyboard_composes_accents(client: FlaskClient, form: Any) -> None:
    assert log_in(client, unicodedata.normalize(form, PASSWORD)).status_code == 303


@pytest.mark.parametrize("password", ["", PASSWORD.upper(), f" {PASSWORD}", f"{PASSWORD}\0", PASSWORD[:-1]])
def test_a_wrong_password_gives_the_page_again_and_no_session(client: FlaskClient, password: str) -> None:
    response = log_in(client, password)
    assert (response.status_code, response.mimetype) == (403, "text/html")
    assert "The password is wrong." in response.text
    assert "Set-Cookie" not in response.headers
    assert client.get("/sim/models").status_code == 403


@pytest.mark.parametrize(
    "value", ["Basic", "Basic ???", "Basic /w==", "Digest a=b", "", "Bearer", PASSWORD[-4:-2]]
)
def test_what_holds_no_password_is_no_log_in(client: FlaskClient, value: str) -> None:
    assert client.get("/sim/models", headers={"Authorization": value}).status_code == 403


# Sessions


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_the_cookie_is_hidden_from_scripts_and_other_sites_and_secure_on_https(
    client: FlaskClient, scheme: str, secure: bool
) -> None:
    log_in(client, base_url=f"{scheme}://localhost")
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site, cookie.secure, cookie.path) == (True, "Lax", secure, "/")
    assert cookie.expires is None  # ends with the browser


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 200),
        ({"password": "another"}, 403),
        ({"secret_key": "another"}, 403),
        ({"secret_key": None}, 403),
    ],
)
def test_a_session_is_valid_on_other_workers_until_the_password_or_the_key_changes(
    store: Path, tmp_path: Path, client: FlaskClient, settings: dict[str, Any], status: int
) -> None:
    log_in(client)
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    other = Client(gated(store, tmp_path, **settings))
    other.set_cookie(COOKIE, cookie.value)
    assert other.get("/sim/models").status_code == status


def test_a_cookie_holds_nothing_that_passwords_could_be_tried_on(store: Path, tmp_path: Path) -> None:
    held: list[str] = []
    for key in (KEY, "another"):
        client = Client(gated(store, tmp_path, secret_key=key))
        log_in(client)
        with client.session_transaction() as session:
            held += session.values()
    assert held[0] != held[1]  # keyed
    assert hashlib.sha256(PASSWORD.encode()).hexdigest() not in held


def test_an_unset_secret_key_is_random_and_warned_of(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (gated(store, tmp_path, secret_key=None) for _ in range(2))
    assert first.secret_key != second.secret_key
    assert len(str(first.secret_key)) >= 64  # hexadecimal digits: 256 bits
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage()[:21] for record in warnings] == ["SECRET_KEY is not set"] * 2
    caplog.clear()
    gated(store, tmp_path)
    assert "SECRET_KEY" not in caplog.text


# Tries


def test_after_five_wrong_tries_even_the_right_password_must_wait(client: FlaskClient) -> None:
    for _ in range(LIMIT):
        assert log_in(client, "wrong").status_code == 403
    for password in ("wrong", PASSWORD):
        response = log_in(client, password)
        assert response.status_code == 429
        wait = int(response.headers["Retry-After"])
        assert 1 <= wait <= WINDOW
        assert f"try again in {wait} s" in response.text
        assert "Set-Cookie" not in response.headers
    refused = client.get("/sim/models", headers=basic(PASSWORD))
    assert (refused.status_code, refused.mimetype) == (429, "application/json")
    assert "Retry-After" in refused.headers


def test_sessions_stay_valid_while_their_address_is_locked_out(client: FlaskClient) -> None:
    log_in(client)
    visitor = Client(client.application)
    for _ in range(LIMIT + 1):
        log_in(visitor, "wrong")
    assert log_in(visitor).status_code == 429
    assert client.get("/sim/models").status_code == 200
    assert client.get("/sim/models", headers=basic("wrong")).status_code == 200


def test_wrong_passwords_count_however_they_are_sent(client: FlaskClient) -> None:
    log_in(client, "wrong")
    for number in range(2):
        client.get("/sim/models", headers=basic(f"wrong {number}"))
        client.get("/docs", headers=bearer(f"wrong {number}"))
    assert log_in(client).status_code == 429


def test_only_wrong_passwords_count(client: FlaskClient) -> None:
    for _ in range(2 * LIMIT):
        assert client.get("/sim/models", headers=basic(PASSWORD)).status_code == 200
        assert client.get("/sim/models").status_code == 403
        assert client.get("/login").status_code == 200
        assert client.get("/sim/models", headers={"Authorization": "Basic ???"}).status_code == 403
    assert log_in(client).status_code == 303


def test_a_try_is_forgotten_after_a_minute(tmp_path: Path) -> None:
    clock = [1000.0]
    attempts = Attempts(tmp_path, lambda: clock[0])
    for _ in range(LIMIT):
        assert attempts.hear("192.0.2.1", right=False) == 0.0
        clock[0] += 10.0
    assert attempts.hear("192.0.2.1", right=False) == 10.0  # the first try was 50 s ago
    clock[0] += 9.5
    assert attempts.hear("192.0.2.1", right=True) == 0.5
    clock[0] += 0.5
    assert attempts.hear("192.0.2.1", right=False) == 0.0
    assert attempts.hear("192.0.2.1", right=True) == 10.0  # now the second was 50 s ago


def test_the_last_half_second_of_a_wait_is_still_one(tmp_path: Path) -> None:
    clock, app = [0.0], Flask(__name__)
    guard(app, WEB, PASSWORD, KEY, Attempts(tmp_path, lambda: clock[0]))
    client = Client(app)
    for _ in range(LIMIT):
        log_in(client, "wrong")
    clock[0] = WINDOW - 0.5
    response = log_in(client)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
    clock[0] = WINDOW
    assert log_in(client).status_code == 303


def test_a_clock_set_back_locks_nobody_out(tmp_path: Path) -> None:
    clock = [1e9]
    attempts = Attempts(tmp_path, lambda: clock[0])
    for _ in range(LIMIT):
        attempts.hear("192.0.2.1", right=False)
    assert attempts.hear("192.0.2.1", right=True) > 0.0
    clock[0] -= 3600.0
    assert attempts.hear("192.0.2.1", right=True) == 0.0


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("unix:", "192.0.2.1:1234", True),
    ],
)
def test_tries_count_by_address_and_in_ipv6_by_64_bits(
    tmp_path: Path, first: str, second: str, together: bool
) -> None:
    attempts = Attempts(tmp_path, lambda: 0.0)
    for _ in range(LIMIT):
        attempts.hear(first, right=False)
    assert (attempts.hear(second, right=False) > 0.0) == together


def test_the_files_of_tries_are_few_and_forget(tmp_path: Path) -> None:
    clock = [0.0]
    attempts = Attempts(tmp_path, lambda: clock[0])
    for number in range(300):
        clock[0] += 2 * WINDOW
        attempts.hear(f"10.0.{number // 256}.{number % 256}", right=False)
    files = list(tmp_path.glob("*.json"))
    assert len(files) <= 256
    assert max(path.stat().st_size for path in files) < 100  # bytes: one address each
    assert "10.0." not in "".join(path.read_text() for path in files)


def guesses(data: Path, count: int) -> Counter[int]:
    """Return the statuses of `count` wrong log-ins, made at once in a worker of its own."""
    app = Flask(__name__)
    guard(app, WEB, PASSWORD, KEY, Attempts(data))

    def guess(number: int) -> int:
        return log_in(Client(app), f"wrong {number}").status_code

    with ThreadPoolExecutor(32) as pool:
        return Counter(pool.map(guess, range(count)))


def test_of_400_guesses_at_once_in_several_workers_five_are_heard(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        counts = list(pool.map(guesses, [tmp_path] * 2, [200] * 2))
    assert counts[0] + counts[1] == {403: LIMIT, 429: 400 - LIMIT}


# Proxies


def test_no_header_changes_an_address_where_no_proxy_is_configured(client: FlaskClient) -> None:
    for number in range(LIMIT):
        log_in(client, "wrong", headers={"X-Forwarded-For": f"192.0.2.{number}"})
    assert log_in(client, headers={"X-Forwarded-For": "192.0.2.9"}).status_code == 429
    assert log_in(client, environ_base=from_address("192.0.2.9")).status_code == 303
    response = client.get("/health", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" not in response.headers


def test_behind_a_proxy_the_address_is_what_the_proxy_says_and_not_the_client(
    store: Path, tmp_path: Path
) -> None:
    client = Client(gated(store, tmp_path, proxies=1))
    for number in range(LIMIT):
        log_in(client, "wrong", headers={"X-Forwarded-For": f"198.51.100.{number}, 192.0.2.1"})
    assert log_in(client, headers={"X-Forwarded-For": "198.51.100.9, 192.0.2.1"}).status_code == 429
    forwarded = {
        "X-Forwarded-For": "192.0.2.2",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "habsim.example",
    }
    response = log_in(client, headers={**forwarded, "Origin": "https://habsim.example"})
    assert response.status_code == 303
    assert "Secure" in response.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in response.headers


# Other sites


@pytest.mark.parametrize(
    "target",
    [
        ELSEWHERE,
        "//elsewhere.example",
        "///elsewhere.example",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "/\t/elsewhere.example",
        "/\n/elsewhere.example",
        "/a\\b",
        "\t//elsewhere.example",
        " //elsewhere.example",
        "elsewhere.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "?next",
        "/docs\r\nSet-Cookie: a=b",
        "/docs\x00",
        "/docs\n",
        "",
    ],
)
def test_a_log_in_leads_nowhere_but_to_this_server(client: FlaskClient, target: str) -> None:
    assert client.post("/login", data={"password": PASSWORD, "next": target}).location == "/"
    assert client.get("/login", query_string={"next": target}).location == "/"


@pytest.mark.parametrize(
    "target", ["/", "/docs", "/?lat=1&lon=2#a=//b", "/a//b", "/x:y@z", "/%5C", "/%C3%A9"]
)
def test_a_log_in_leads_back_to_any_path_of_this_server(client: FlaskClient, target: str) -> None:
    assert client.post("/login", data={"password": PASSWORD, "next": target}).location == target
    assert client.get("/login", query_string={"next": target}).location == target


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, False),
        ({"Origin": ELSEWHERE}, False),
        ({"Origin": "http://localhost:8000"}, False),
        ({"Origin": "http://localhost.elsewhere.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
    ],
)
def test_pages_of_other_sites_can_not_log_anybody_in_or_out(
    client: FlaskClient, headers: dict[str, str], accepted: bool
) -> None:
    assert (log_in(client, headers=headers).status_code == 303) == accepted
    log_in(client)
    assert (client.get("/logout", headers=headers).status_code == 303) == accepted
    assert (client.get("/sim/models").status_code == 403) == accepted


def test_a_preflight_needs_no_log_in_and_may_be_kept_for_an_hour(client: FlaskClient) -> None:
    asked = {
        "Origin": ELSEWHERE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    response = client.options("/sim/models", headers=asked)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] in ("*", ELSEWHERE)
    assert response.headers["Access-Control-Allow-Headers"] == "authorization"
    assert response.headers["Access-Control-Max-Age"] == "3600"
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_pages_of_other_sites_can_read_refusals_but_never_with_credentials(client: FlaskClient) -> None:
    refused = client.get("/sim/models", headers={"Origin": ELSEWHERE})
    answered = client.get("/sim/models", headers={"Origin": ELSEWHERE, **basic(PASSWORD)})
    assert (refused.status_code, answered.status_code) == (403, 200)
    for response in (refused, answered):
        assert response.headers["Access-Control-Allow-Origin"] in ("*", ELSEWHERE)
        assert "Access-Control-Allow-Credentials" not in response.headers
    for path in ("/docs", "/login", "/openapi.json", "/health"):
        assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": ELSEWHERE}).headers


def test_only_the_sites_that_are_named_may_read_answers(store: Path, tmp_path: Path) -> None:
    client = Client(application(store, tmp_path, cors_origins=("https://friend.example",)))
    for origin, expected in (("https://friend.example", "https://friend.example"), (ELSEWHERE, None)):
        response = client.get("/sim/models", headers={"Origin": origin})
        assert response.headers.get("Access-Control-Allow-Origin") == expected


# What answers say


def answers(client: FlaskClient, **request: Any) -> Iterator[TestResponse]:
    """Yield answers of every kind: refused, redirected, files, JSON, errors, locked out."""
    for path in ("/sim/models", "/docs", "/login", "/login.css", "/health"):
        yield client.get(path, **request)
    log_in(client, **request)
    for path in ("/docs", SHEET, "/openapi.json", "/sim/elev?lat=91&lon=0", "/nowhere", "/logout"):
        yield client.get(path, **request)
    for _ in range(LIMIT + 1):
        yield log_in(client, "wrong", **request)


def test_every_answer_carries_the_security_headers(client: FlaskClient) -> None:
    statuses = set()
    for response in answers(client, headers={"Accept": "text/html"}):
        statuses.add(response.status_code)
        policy = dict(
            part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";")
        )
        assert policy == {
            "default-src": "'self'",
            "img-src": "'self' data: blob:",
            "worker-src": "'self' blob:",
            "object-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
        }
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
        assert "camera=()" in response.headers["Permissions-Policy"]
        assert "Strict-Transport-Security" not in response.headers
    assert statuses == {200, 303, 400, 403, 404, 429}


def test_on_https_every_answer_asks_for_https_from_now_on(client: FlaskClient) -> None:
    for response in answers(client, base_url="https://localhost"):
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_behind_the_gate_only_files_are_kept_by_caches(client: FlaskClient) -> None:
    assert client.get("/sim/models").headers["Cache-Control"] == "no-store"
    assert client.get("/login").headers["Cache-Control"] == "no-store"
    assert log_in(client).headers["Cache-Control"] == "no-store"
    assert client.get("/sim/models").headers["Cache-Control"] == "no-store"
    assert "immutable" in client.get(SHEET).headers["Cache-Control"]
    assert client.get("/docs").headers["Cache-Control"] == "no-cache"  # asked for again each time
    assert "Cookie" in client.get("/docs").headers["Vary"]


def test_without_a_gate_answers_are_asked_for_again_each_time(unguarded: FlaskClient) -> None:
    for path in ("/sim/models", "/openapi.json", "/nowhere"):
        assert unguarded.get(path).headers["Cache-Control"] == "no-cache"
    assert "immutable" in unguarded.get(SHEET).headers["Cache-Control"]


def test_the_pages_need_no_exception_from_the_policy(client: FlaskClient) -> None:
    for page in (client.get("/login").text, log_in(client, "wrong").text, (WEB / "docs.html").read_text()):
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page)


def test_the_log_in_page_names_its_field_and_runs_no_script(client: FlaskClient) -> None:
    page = client.get("/login").text
    assert "<script" not in page
    assert '<label for="password">' in page
    assert 'autocomplete="current-password"' in page
    assert 'role="alert"' not in page
    assert 'role="alert"' in log_in(client, "wrong").text
    assert "width=device-width" in page
    assert "prefers-color-scheme: dark" in client.get("/login.css").text


def test_what_a_link_says_is_text_on_the_log_in_page(client: FlaskClient) -> None:
    page = client.get("/login", query_string={"next": '/"><script>alert(1)</script>'}).text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_large_body_is_refused_before_it_is_read(client: FlaskClient) -> None:
    response = client.post("/login", data={"password": "x" * (1 << 20)})
    assert (response.status_code, response.mimetype) == (413, "application/json")


# What comes from outside, and what does not go out


@pytest.mark.parametrize("route", ["/sim/result", "/sim/density", "/sim/progress-stream"])
@pytest.mark.parametrize(
    "identity",
    [
        "",
        "../../etc/passwd",
        "..%2f..%2fx",
        "a1b2c3d4e5f6/..",
        "A1B2C3D4E5F6",
        "a1b2c3d4e5f6\n",
        "a1b2c3d4e5f6\0",
        "*",
    ],
)
def test_a_request_id_is_twelve_digits_and_never_a_path(
    unguarded: FlaskClient, route: str, identity: str
) -> None:
    response = unguarded.get(route, query_string={"request_id": identity})
    assert response.status_code == 400
    assert "12 hexadecimal digits" in response.get_json()["error"]


@pytest.mark.parametrize(
    "name",
    [
        "../docs.js",
        "../../app.py",
        "%2e%2e/%2e%2e/app.py",
        "..%2f..%2fapp.py",
        "....//app.py",
        "/etc/passwd",
        "%2fetc/passwd",
        "..%5c..%5capp.py",
        "swagger-ui-dist-5.35.0",
        "swagger-ui-dist-5.35.0/",
        "manifest.json%00.css",
        ".",
        "",
    ],
)
def test_no_file_name_leads_out_of_its_folder(unguarded: FlaskClient, name: str) -> None:
    response = unguarded.get(f"/vendor/{name}", follow_redirects=True)
    assert (response.status_code, response.mimetype) == (404, "application/json")


def test_neither_password_nor_key_is_logged_or_answered(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app = gated(store, tmp_path)
    client = Client(app)
    texts = [response.text for response in answers(client)]
    texts += [client.get(path, headers=basic(PASSWORD)).text for path in ("/sim/which", "/sim/status")]
    guessed = "a near miss"
    log_in(client, guessed)
    client.get("/sim/models", headers=bearer(guessed))
    said = "".join(texts) + caplog.text + repr(app.extensions["habsim.settings"])
    for secret in (PASSWORD, KEY, guessed):
        assert secret not in said
    assert "5 wrong passwords within 60 s from 127.0.0.1" in caplog.text


def test_the_environment_says_password_key_and_proxies() -> None:
    settings = Settings.from_environment(
        {"HABSIM_PASSWORD": PASSWORD, "SECRET_KEY": KEY, "HABSIM_PROXIES": "2"}
    )
    assert (settings.password, settings.secret_key, settings.proxies) == (PASSWORD, KEY, 2)
    plain = Settings.from_environment({"HABSIM_PASSWORD": "", "SECRET_KEY": ""})
    assert (plain.password, plain.secret_key, plain.proxies) == (None, None, 0)
    for wrong in ("-1", "many", "nan"):
        with pytest.raises(SettingsError, match="HABSIM_PROXIES"):
            Settings.from_environment({"HABSIM_PROXIES": wrong})
