"""Runs on the map page: what is shown is what the API says, live, in progress, and when it fails."""

import csv
import fcntl
import io
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, Route, expect

from scripts.page_site import wait_until
from tests.page_visits import Visit, answer, fact, question, run, shown

pytestmark = pytest.mark.xdist_group("page")


@pytest.fixture
def visit(visit_without_map: Visit) -> Visit:
    return visit_without_map


KML = "{http://www.opengis.net/kml/2.2}"


@contextmanager
def full_server(data: Path) -> Iterator[None]:
    """Hold the one slot for ensembles, as another ensemble would."""
    with (data / "runs" / "slot-0").open("a") as slot:
        fcntl.flock(slot, fcntl.LOCK_EX)
        yield


def test_one_click_shows_where_it_lands_and_how_sure_that_is(visit: Visit, demo: str) -> None:
    page = visit()
    sentence = run(page)
    found = answer(demo + question(page))
    landing = found["landing"]
    assert sentence.startswith("Expect it ")
    point = f"{landing['likely']['lat']:.4f}, {landing['likely']['lon']:.4f}"
    assert fact(page, "point").startswith(point)
    for level, area in zip((50, 90), landing["areas"], strict=True):
        text = fact(page, f"area-{level}")
        size, share = re.match(r"([\d.]+) km² ([\d.]+) % of simulated landings", text).groups()  # type: ignore[union-attr]
        assert float(size) == pytest.approx(area["area_km2"], rel=0.01)
        assert float(share) == pytest.approx(100 * area["share"], abs=0.5)
    assert fact(page, "landed") == "21 of 21 members 420 of 420 variations"
    assert fact(page, "water").startswith("0 % 0 of 21 members")
    assert fact(page, "ground") == f"{landing['elevation_m']:.0f} m"
    expect(page.locator("#caveat")).to_have_text(
        "Spread of 21 forecasts and small launch variations; errors of burst height and rates are not "
        "included; not calibrated on flights."
    )
    assert page.evaluate("document.activeElement.id") == "landing-heading"


def test_the_question_and_the_defaults_are_the_owners(visit: Visit) -> None:
    page = visit()
    run(page)
    hour = (int(time.time()) // 3600 + 1) * 3600
    expected = (
        rf"/sim/spaceshot\?timestamp=({hour - 3600}|{hour})&lat=37.3553&lon=-121.8763&alt=24&equil=30000"
        r"&eqtime=0&asc=4&desc=8&coeff=1&descent_model=drag&num_perturbations=20"
    )
    assert re.fullmatch(expected, question(page))
    assert page.locator("#curl").text_content() == f'curl "{page.url.split("/?")[0]}{question(page)}"'


def test_a_single_run_shows_the_member_chosen(visit: Visit, demo: str) -> None:
    page = visit()
    page.get_by_label("Member", exact=True).select_option("7")
    sentence = run(page, "Single")
    lat, lon, _, _ = answer(demo + question(page))[2][-1]
    assert sentence.startswith("Member 7 lands ")
    assert fact(page, "point").startswith(f"{lat:.4f}, {lon:.4f}")
    expect(page.locator("#caveat")).to_be_hidden()


def test_a_launch_window_compares_launches_and_shows_the_one_chosen(visit: Visit, demo: str) -> None:
    page = visit()
    page.get_by_label("Hours between launches").fill("6")
    page.get_by_label("Number of launches").fill("5")
    run(page, "Multi")
    cells = page.locator("#launch-list button")
    expect(cells).to_have_count(5)
    cells.nth(3).click()
    expect(cells.nth(3)).to_have_attribute("aria-pressed", "true")
    found = answer(demo + question(page))["landing"]
    start = int(re.search(r"timestamp=(\d+)", page.url).group(1))  # type: ignore[union-attr]
    assert f"timestamp={start + 18 * 3600}&" in question(page)
    size = found["areas"][1]["area_km2"]
    text = cells.nth(3).inner_text().replace("\u00a0", " ")
    assert float(re.search(r"([\d.]+) km²", text).group(1)) == pytest.approx(size, rel=0.01)  # type: ignore[union-attr]
    assert f"{100 * found['water']['share']:.0f} % water" in text
    assert fact(page, "point").startswith(f"{found['likely']['lat']:.4f}")


def test_launches_past_the_forecast_say_so_beside_the_others(visit: Visit) -> None:
    page = visit(expected=("Failed to load resource: the server responded with a status of 400",))
    page.get_by_label("Hours between launches").fill("24")
    page.get_by_label("Number of launches").fill("6")
    run(page, "Multi")
    expect(page.locator("#launch-list button").last).to_have_text(re.compile("Outside the forecast"))
    assert page.locator("#launch-list button:enabled").count() >= 2


def test_the_answer_follows_a_rate_that_is_typed(visit: Visit, demo: str) -> None:
    page = visit()
    run(page)
    before = question(page)
    page.get_by_label("Ascent").fill("5.5")
    wait_until(page, f"document.querySelector('#results').dataset.question !== {json.dumps(before)}")
    shown(page)
    assert "&asc=5.5&" in question(page)
    landing = answer(demo + question(page))["landing"]
    assert fact(page, "point").startswith(f"{landing['likely']['lat']:.4f}, {landing['likely']['lon']:.4f}")


def test_a_full_server_is_waited_for_with_progress(visit: Visit, demo_folder: Path) -> None:
    page = visit("?lat=10&lon=20")
    shown(page)
    with full_server(demo_folder):
        page.get_by_label("Ascent").fill("6.25")
        page.get_by_role("button", name="Run Ensemble").click()
        expect(page.locator("#progress")).to_be_visible()
        expect(page.locator("#progress-text")).to_contain_text("waiting for a free place")
        expect(page.locator("#mark")).to_contain_text("earlier values")
    shown(page)
    expect(page.locator("#progress")).to_be_hidden()
    assert "&asc=6.25&" in question(page)


def test_cancel_stops_following_and_keeps_what_was_shown(visit: Visit, demo_folder: Path) -> None:
    page = visit("?lat=11&lon=20")
    shown(page)
    before = question(page)
    with full_server(demo_folder):
        page.get_by_label("Ascent").fill("6.5")
        page.get_by_role("button", name="Run Ensemble").click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#progress")).to_be_hidden()
        expect(page.locator("#mark")).to_contain_text("you stopped the new one")
        expect(page.locator("#status")).to_have_text("Stopped. What was shown stays.")
        assert question(page) == before


def test_a_window_that_is_cancelled_leaves_nothing_half_done(visit: Visit, demo_folder: Path) -> None:
    page = visit()
    with full_server(demo_folder):
        page.get_by_label("Descent m/s").fill("8.25")
        page.get_by_role("button", name="Run Multi").click()
        expect(page.locator("#progress-text")).to_have_text("0 of 12 launches done")
        expect(page.get_by_role("heading", name="Launch window")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Launch window")).to_be_hidden()
        expect(page.locator("#sentence")).to_contain_text("Stopped.")


def test_a_stream_that_is_cut_gives_way_to_polling(visit: Visit, demo_folder: Path) -> None:
    page = visit("?lat=12&lon=20", expected=("Failed to load resource: net::ERR_FAILED",))
    shown(page)
    page.route("**/sim/progress-stream**", lambda route: route.abort())
    with full_server(demo_folder):
        page.get_by_label("Ascent").fill("6.75")
        page.get_by_role("button", name="Run Ensemble").click()
        expect(page.locator("#progress-text")).to_contain_text("looking every second")
    shown(page)
    assert "&asc=6.75&" in question(page)


def test_a_server_out_of_reach_is_said_and_tried_again(visit: Visit) -> None:
    page = visit(expected=("Failed to load resource: net::ERR_",))
    page.route("**/sim/spaceshot**", lambda route: route.abort())
    page.get_by_role("button", name="Run Ensemble").click()
    notice = page.locator("[data-notice=failed]")
    expect(notice).to_contain_text("The server cannot be reached")
    page.unroute("**/sim/spaceshot**")
    notice.get_by_role("button", name="Try again").click()
    shown(page)
    expect(notice).to_have_count(0)


def test_a_busy_server_is_asked_again_when_it_said(visit: Visit) -> None:
    page = visit(expected=("Failed to load resource: the server responded with a status of 503",))
    refusals = iter([True, False])

    def refuse_once(route: Route) -> None:
        if next(refusals, False):
            busy = {"error": "the server runs 1 ensembles already"}
            route.fulfill(status=503, headers={"Retry-After": "1"}, json=busy)
        else:
            route.continue_()

    page.route("**/sim/spaceshot**", refuse_once)
    page.get_by_role("button", name="Run Ensemble").click()
    expect(page.locator("#progress-text")).to_contain_text(
        "Not now: The server runs 1 ensembles already. Trying again in 1 s (1 of 3)."
    )
    shown(page)


def test_a_result_that_is_gone_says_what_to_do(visit: Visit, demo_folder: Path) -> None:
    page = visit(
        "?lat=13&lon=20", expected=("Failed to load resource: the server responded with a status of 404",)
    )
    shown(page)

    def expire(route: Route) -> None:
        for kept in (demo_folder / "results").iterdir():  # as the server does after an hour
            kept.unlink()
        route.continue_()

    page.route("**/sim/result**", expire)
    page.get_by_label("Ascent").fill("7.25")
    page.get_by_role("button", name="Run Ensemble").click()
    expect(page.locator("[data-notice=failed]")).to_contain_text("ask for the ensemble again")
    page.unroute("**/sim/result**")
    page.get_by_role("button", name="Try again").click()
    shown(page)


def downloaded(page: Page, name: str) -> tuple[str, str]:
    """Return the name and the text of the file that link `name` gives."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).click()
    return download.value.suggested_filename, Path(download.value.path()).read_text()


def test_downloads_are_the_files_of_what_is_shown(visit: Visit, demo: str) -> None:
    page = visit()
    run(page)
    found = answer(demo + question(page))
    name, text = downloaded(page, "Download CSV")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = list(csv.reader(io.StringIO("\n".join(lines))))
    assert re.fullmatch(r"DEMO_HABSIM_ensemble_.*\.csv", name)
    assert rows[0] == ["latitude", "longitude", "model_id"]
    assert [(float(lat), float(lon), label) for lat, lon, label in rows[1:]] == [
        tuple(landing) for landing in found["heatmap_data"]
    ]
    _, text = downloaded(page, "Full CSV")
    assert "time_utc" in text and len(text.splitlines()) >= 442
    name, text = downloaded(page, "KML")
    root = ElementTree.fromstring(text)
    assert name.endswith(".kml")
    assert len(root.findall(f".//{KML}Polygon")) >= 2
    name, text = downloaded(page, "GeoJSON")
    assert name.endswith(".geojson")
    assert json.loads(text)["type"] == "FeatureCollection"


def test_the_slider_moves_along_the_flight_by_keys(visit: Visit, demo: str) -> None:
    page = visit()
    run(page)
    path = answer(demo + question(page))["paths"][0]
    slider = page.get_by_role("slider", name="Flight time")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(2):
        page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    text = (slider.get_attribute("aria-valuetext") or "").replace("\u00a0", " ").replace("\u202f", " ")
    climbed = path[0][2] + 21 * 60 * 4.0
    assert text.startswith("T+21 min · ") and text.endswith(" · ascent")
    assert abs(int(re.search(r"(\d+) m ·", text).group(1)) - climbed) <= 1  # type: ignore[union-attr]
    page.keyboard.press("End")
    expect(page.locator("#slider-text")).to_contain_text("landed")


def test_charts_and_table_say_in_words_what_they_show(visit: Visit, demo: str) -> None:
    page = visit()
    run(page)
    labels = [chart.get_attribute("aria-label") or "" for chart in page.get_by_role("img").all()]
    assert any(label.startswith("Altitude over time: up to 30") for label in labels)
    assert any(label.startswith("Wind against altitude: strongest") for label in labels)
    page.get_by_text("Every member, as a table").click()
    rows = page.locator("#members-table tbody tr")
    expect(rows).to_have_count(21)
    for row, path in zip(rows.all(), answer(demo + question(page))["paths"], strict=True):
        lat, lon = path[-1][:2]
        assert f"{lat:.4f}\t{lon:.4f}" in row.inner_text()
