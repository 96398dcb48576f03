"""The form of the map page: places, times, units, mistakes, saved launches, and the address that says all."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.page_visits import Visit, answer, fact, question, run, shown

pytestmark = pytest.mark.xdist_group("page")


@pytest.fixture
def visit(visit_without_map: Visit) -> Visit:
    return visit_without_map


NOTICE_400 = ("Failed to load resource: the server responded with a status of 400",)


def hint(page: Page) -> str:
    return page.locator("#place-hint").inner_text()


def test_a_town_is_found_by_keys_and_its_zone_and_ground_follow(visit: Visit, demo: str) -> None:
    page = visit()
    place = page.get_by_role("combobox", name="Town or coordinates")
    place.fill("zermat")
    expect(page.get_by_role("option").first).to_contain_text("Zermatt")
    place.press("ArrowDown")
    place.press("ArrowUp")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    place.press("Enter")
    expect(page.locator("#place-hint")).to_contain_text("Zermatt")
    expect(page.get_by_label("Altitude")).to_have_value("")
    expect(page.get_by_label("Time zone")).to_contain_text("Launch site (UTC+1)")
    ground = answer(f"{demo}/sim/elev?lat=46.02126&lon=7.749")["elevation"]
    expect(page.locator("#alt-hint")).to_contain_text(
        re.compile("The ground is at \\d+\\sm. The launch is on it.")
    )
    assert ground > 1500


@pytest.mark.parametrize(
    "text", ["46°01'16\"N 7°44'56\"E", "46.0211, 7.7489", "7 44 56 E, 46 1 16 N", "46.0211N 7.7489E"]
)
def test_coordinates_are_read_however_people_write_them(visit: Visit, text: str) -> None:
    page = visit()
    place = page.get_by_label("Town or coordinates")
    place.fill(text)
    place.press("Enter")
    place.blur()
    expect(place).to_have_value(re.compile(r"46\.0211, 7\.7489"))
    expect(page).to_have_url(re.compile(r"lat=46\.021\d*&lon=7\.748\d*"))


def test_mistakes_are_said_beside_the_field_which_has_the_focus(visit: Visit) -> None:
    page = visit()
    burst = page.get_by_label("Burst or float")
    page.get_by_label("Altitude").fill("900")
    burst.fill("800")
    page.get_by_role("button", name="Run Ensemble").click()
    expect(burst).to_have_attribute("aria-invalid", "true")
    expect(burst).to_be_focused()
    expect(burst).to_have_accessible_description("Burst must not be below the launch altitude, 900 m.")
    burst.fill("30000")
    page.get_by_label("Ascent").fill("fast")
    page.get_by_label("Variations").fill("2.5")
    page.get_by_role("button", name="Run Ensemble").click()
    assert page.get_by_role("alert").all_inner_texts() == [
        "Give a number from 0.1 m/s to 20 m/s.",
        "Give a whole number from 1 to 100.",
    ]
    expect(page.get_by_label("Ascent")).to_be_focused()
    expect(page.locator("#answer")).to_be_hidden()


def test_a_place_that_is_none_is_refused(visit: Visit) -> None:
    page = visit()
    place = page.get_by_label("Town or coordinates")
    place.fill("Atlantis on Sea")
    place.press("Enter")
    expect(place).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_contain_text("No town “Atlantis on Sea” is known here.")


def test_a_launch_outside_the_forecast_is_moved_into_it_by_a_button(visit: Visit, demo: str) -> None:
    which = answer(f"{demo}/sim/which")
    page = visit(f"?timestamp={which['end']:.0f}", expected=NOTICE_400)
    notice = page.locator("[data-notice=failed]")
    expect(notice).to_contain_text("Outside the forecast. The nearest launch inside it is")
    notice.get_by_role("button", name="Launch then").click()
    shown(page)
    expect(notice).to_have_count(0)
    start = int(re.search(r"timestamp=(\d+)", question(page)).group(1))  # type: ignore[union-attr]
    assert 0 < which["end"] - start < 5 * 3600


def test_a_link_runs_at_once_and_gives_the_same_numbers(visit: Visit) -> None:
    page = visit("?lat=-41.3&lon=174.8&asc=5&eqtime=0.5&units=imperial&zone=utc")
    shown(page)
    facts = page.locator("#facts").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"&gefs=\d{10}$", link)
    other = visit(link.split("/", 3)[3])
    shown(other)
    assert question(other) == question(page)
    assert other.locator("#facts").inner_text() == facts


def test_a_link_of_an_older_forecast_says_so(visit: Visit) -> None:
    page = visit("?lat=10&lon=20&gefs=2026010100")
    shown(page)
    expect(page.locator("[data-notice=link]")).to_contain_text("made with the forecast of 1 Jan 00:00 UTC")


def test_what_an_address_says_badly_is_named(visit: Visit) -> None:
    page = visit("?asc=fast&run=single")
    shown(page)
    expect(page.locator("[data-notice=unread]")).to_contain_text("nothing usable for asc")
    assert "&asc=4&" in question(page)


def test_units_change_what_is_shown_and_not_what_is_asked(visit: Visit) -> None:
    page = visit()
    run(page)
    before, facts = question(page), page.locator("#facts").inner_text()
    page.get_by_role("button", name="Imperial").click()
    expect(page.get_by_label("Burst or float")).to_have_value("98425")
    expect(page.get_by_label("Ascent")).to_have_value("787")
    assert re.search(r" mi² [\d.]+ % of simulated landings$", fact(page, "area-90"))
    assert question(page) == before
    page.get_by_label("Ascent").fill("984.25")
    page.get_by_label("Ascent").blur()
    expect(page).to_have_url(re.compile(r"asc=4\.99999?|asc=5\.0000"))
    page.get_by_label("Ascent").fill("787.4016")
    page.get_by_role("button", name="Metric").click()
    expect(page.get_by_label("Ascent")).to_have_value("4")
    page.get_by_label("Ascent").fill("4")
    shown(page)
    assert page.locator("#facts").inner_text() == facts


def test_times_follow_the_zone_and_its_summer_time(visit: Visit) -> None:
    page = visit("?lat=37.3553&lon=-121.8763&timestamp=2026-03-08T10:30Z", expected=NOTICE_400)
    zone, date, clock = (
        page.get_by_label("Time zone"),
        page.get_by_label("Date"),
        page.get_by_label("Time", exact=True),
    )
    expect(clock).to_have_value("03:30")  # the hour from 2 to 3 is skipped that night
    zone.select_option("device")  # Berlin, until its own change UTC+1
    expect(clock).to_have_value("11:30")
    zone.select_option("utc")
    expect(clock).to_have_value("10:30")
    zone.select_option("site")
    date.fill("2026-07-01")
    clock.fill("12:00")
    clock.blur()
    expect(zone).to_contain_text("Launch site (UTC−7)")
    expect(page).to_have_url(re.compile(r"timestamp=1782932400"))


def test_results_name_the_zone_of_each_time(visit: Visit) -> None:
    page = visit()
    run(page)
    assert re.match(r"\d\d:\d\d \(UTC−[78]\), \d\d:\d\d UTC", fact(page, "time"))
    page.get_by_label("Time zone").select_option("utc")
    assert re.match(r"\d\d:\d\d \(UTC\)\s+T\+\d h", fact(page, "time"))


def test_saved_launches_come_back_without_their_time(visit: Visit) -> None:
    page = visit("?lat=48.2&lon=16.4&asc=6&run=single")
    shown(page)
    page.get_by_text("Wind factor and saved launches").click()
    page.get_by_label("Name to save under").fill("School field")
    page.get_by_role("button", name="Save").click()
    page.goto(page.url.split("?")[0])
    expect(page.get_by_label("Ascent")).to_have_value("4")
    page.get_by_text("Wind factor and saved launches").click()
    page.get_by_label("Saved in this browser").select_option("School field")
    shown(page)
    hour = (int(time.time()) // 3600 + 1) * 3600
    assert re.search(rf"timestamp=({hour}|{hour - 3600})&lat=48.2&lon=16.4&.*&asc=6&", question(page))
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_label("Saved in this browser")).to_have_text("None yet")


def test_enter_in_any_field_runs(visit: Visit) -> None:
    page = visit()
    page.get_by_label("Float time").fill("0,5")
    page.get_by_label("Float time").press("Enter")
    shown(page)
    assert "&eqtime=0.5&" in question(page)
