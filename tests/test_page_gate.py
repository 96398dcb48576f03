"""The map page over a store of its own behind a password: log-in, sessions, stale and partial answers."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from scripts.page_site import site
from tests.page_visits import Visit, fact, ready, shown
from tests.stores import CYCLE, HOUR, publish_cycle, replace
from tests.test_page_access import findings

pytestmark = pytest.mark.xdist_group("page")


@pytest.fixture
def visit(visit_without_map: Visit) -> Visit:
    return visit_without_map


PASSWORD = "a pass phrase"
FLIGHT = f"?lat=10&lon=20&timestamp={CYCLE.time + 6 * HOUR:.0f}&equil=15000&run=ensemble"
FORBIDDEN = "Failed to load resource: the server responded with a status of 403"
REFUSED = "Failed to load resource: the server responded with a status of 400"


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with an old cycle of three members, the last of which is broken."""
    folder = tmp_path_factory.mktemp("gated")
    store = folder / "store"
    store.mkdir()
    publish_cycle(store, winds=((10.0, 0.0), (11.0, 0.0), (12.0, 0.0)))
    replace(store / CYCLE.member_file(2), b"not a member file")
    with site(
        folder / "data", HABSIM_STORE=str(store), HABSIM_MEMBERS="3", HABSIM_PASSWORD=PASSWORD
    ) as address:
        yield address


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.get_by_role("button", name="Log in").click()


def test_the_log_in_page_lets_in_who_knows_the_password_and_keeps_the_flight(
    visit: Visit, gated: str
) -> None:
    page = visit(FLIGHT, address=gated, expected=(FORBIDDEN,))
    assert "/login?next=" in page.url
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("The password is wrong.")
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    assert findings(page) == []
    log_in(page)
    ready(page)
    shown(page)
    assert "&equil=15000&" in page.url
    page.get_by_role("link", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_session_that_ended_is_said_and_mended(visit: Visit, gated: str) -> None:
    page = visit(FLIGHT, address=gated, expected=(FORBIDDEN,))
    log_in(page)
    ready(page)
    shown(page)
    page.context.clear_cookies()
    page.get_by_label("Ascent").fill("6")
    page.get_by_role("button", name="Run Ensemble").click()
    notice = page.locator("[data-notice=failed]")
    expect(notice).to_contain_text("Your session has ended.")
    notice.get_by_role("button", name="Log in").click()
    log_in(page)
    ready(page)
    shown(page)
    expect(page.get_by_label("Ascent")).to_have_value("6")


def test_real_winds_lead_to_maps_and_say_what_is_old_or_missing(visit: Visit, gated: str) -> None:
    page = visit(FLIGHT, address=gated)
    log_in(page)
    ready(page)
    shown(page)
    point = re.match(r"(-?[\d.]+), (-?[\d.]+)", fact(page, "point"))
    assert point is not None
    link = page.get_by_role("link", name="Open in maps app").get_attribute("href") or ""
    assert link.startswith(f"geo:{point[1]}")
    maps = page.get_by_role("link", name="Google Maps").get_attribute("href") or ""
    assert f"query={point[1]}" in maps
    expect(page.locator("[data-notice=demo]")).to_have_count(0)
    expect(page.locator("[data-notice=stale]")).to_contain_text("Stale forecast.")
    expect(page.locator("[data-notice=partial]")).to_contain_text("2 of 3 members")
    expect(page.locator("[data-notice=partial]")).to_contain_text("Without members 2.")
    assert fact(page, "landed") == "2 of 3 members 40 of 60 variations"
    expect(page.locator("#caveat")).to_contain_text("Spread of 2 forecasts")


def test_a_member_that_cannot_be_read_is_said(visit: Visit, gated: str) -> None:
    page = visit(
        f"{FLIGHT}&model=2".replace("ensemble", "single"), address=gated, expected=("Failed to load",)
    )
    log_in(page)
    ready(page)
    expect(page.locator("#progress-text")).to_contain_text("2026010100_02.npz")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#sentence")).to_contain_text("Stopped.")


def test_defaults_of_an_old_forecast_are_moved_into_it(visit: Visit, gated: str) -> None:
    page = visit("?lat=10&lon=20", address=gated, expected=(REFUSED,))
    log_in(page)
    ready(page)
    page.get_by_role("button", name="Launch then").click()
    shown(page)
    assert 0 < CYCLE.time + 96 * HOUR - float(re.search(r"timestamp=(\d+)", page.url)[1]) < 96 * HOUR  # type: ignore[index]
