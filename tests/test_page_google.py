"""One contract for both maps, the built-in one and Google's; and what happens when Google's fails.

Google's script is a stand-in, `google.maps.fake.js`, which draws what it is given.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, Route, expect

from habsim.headers import policy
from scripts.page_site import site
from tests.page_visits import Visit, answer, fact, question, run, shown
from tests.test_page_map import layer, picture, pin

pytestmark = pytest.mark.xdist_group("map")

GOOGLE = "https://maps.googleapis.com"
FAKE = (Path(__file__).parent / "google.maps.fake.js").read_text()
ADAPTER = (Path(__file__).parent.parent / "www" / "mapgoogle.js").read_text()


def stand_in(route: Route) -> None:
    route.fulfill(body=FAKE, content_type="text/javascript")


def refused(route: Route) -> None:
    """What Google's script does with a key that is wrong."""
    route.fulfill(body="window.gm_authFailure();", content_type="text/javascript")


def aborted(route: Route) -> None:
    route.abort()


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demonstration with a key for Google Maps."""
    folder = tmp_path_factory.mktemp("google")
    with site(folder, 1, GOOGLE_MAPS_API_KEY="a-key", GOOGLE_MAPS_MAP_ID="a-map") as address:
        yield address


@pytest.fixture(params=["built-in", "google"])
def either(request: pytest.FixtureRequest, visit: Visit) -> Callable[[str], Page]:
    """What visits the page with one of the maps."""
    if request.param == "built-in":
        return visit
    address: str = request.getfixturevalue("google")
    return partial(visit, address=address, routes={GOOGLE: stand_in})


def middle(page: Page) -> tuple[float, float]:
    box = page.locator("#map").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_map_draws_moves_and_draws_areas(either: Callable[[str], Page]) -> None:
    page = either("?eqtime=1&run=ensemble")
    shown(page)
    found = answer(page.url.split("/?")[0] + question(page))
    names = ("paths", "landings", "areas", "heat", "balloons")
    assert [layer(page, name) for name in names] == [3 * 21, len(found["heatmap_data"]), 2, 1, 21]
    x, y = pin(page)
    box = page.locator("#map").bounding_box()
    assert box is not None
    assert box["x"] < x < box["x"] + box["width"] and box["y"] < y < box["y"] + box["height"]

    page.mouse.click(middle(page)[0], middle(page)[1] + 100)
    shown(page)
    clicked = question(page)
    assert pin(page) == pytest.approx((middle(page)[0], middle(page)[1] + 100), abs=3)

    page.mouse.move(*pin(page))
    page.mouse.down()
    page.mouse.move(pin(page)[0] - 40, pin(page)[1] - 30, steps=4)
    page.mouse.up()
    shown(page)
    assert question(page) != clicked
    dragged = pin(page)
    button = page.get_by_role("button", name="Launch: arrow keys move it")
    button.press("ArrowLeft")
    assert pin(page) == pytest.approx((dragged[0] - 8, dragged[1]), abs=0.5)
    shown(page)

    page.get_by_role("button", name="Draw an area").click()
    for dx, dy in ((-150, -150), (250, -150), (250, 150), (-150, 150), (-150, -150)):
        page.mouse.click(middle(page)[0] + dx, middle(page)[1] + dy)
        page.wait_for_timeout(350)  # or the browser takes two clicks for a double one
    expect(page.locator("#inside-text")).to_contain_text(
        re.compile(r"of 441 landings, from \d+ of 21 members")
    )
    assert layer(page, "drawing") == 1

    page.get_by_role("button", name="Dark").click()
    assert layer(page, "landings") == 441


def test_google_is_asked_as_it_says(visit: Visit, google: str) -> None:
    page = visit(address=google, routes={GOOGLE: stand_in})
    run(page)
    script = page.evaluate("google.asked.script")
    asked = {name: values[0] for name, values in parse_qs(urlparse(script).query).items()}
    assert (asked["key"], asked["map_ids"], asked["loading"]) == ("a-key", "a-map", "async")
    assert asked["v"] == "quarterly"
    assert sorted(page.evaluate("google.asked.libraries")) == ["core", "maps", "marker"]
    assert page.evaluate("google.asked.maps[0].options.mapId") == "a-map"
    page.get_by_text("Layers", exact=True).click()
    lines = page.locator(".google-fake polyline")
    assert lines.count() == 42
    page.get_by_role("checkbox", name="Paths").uncheck()
    expect(lines).to_have_count(0)
    page.get_by_role("checkbox", name="Heat map").uncheck()
    expect(page.locator(".google-fake image")).to_have_count(0)


@pytest.mark.parametrize(
    ("act", "why"),
    [(aborted, "its script cannot be loaded"), (refused, "the key is refused")],
    ids=["unreachable", "refused"],
)
def test_where_google_fails_the_built_in_map_serves(
    visit: Visit, google: str, act: Callable[[Route], None], why: str
) -> None:
    page = visit(address=google, routes={GOOGLE: act}, expected=("Failed to load resource: net::ERR_FAILED",))
    expect(page.locator("[data-notice=map]")).to_contain_text(f"Google Maps cannot be used ({why})")
    expect(page.locator("#map canvas")).to_be_visible()
    run(page)
    assert layer(page, "paths") == 42
    assert fact(page, "landed").startswith("21 of 21")


def test_a_key_that_is_refused_later_has_the_built_in_map_take_over(visit: Visit, google: str) -> None:
    page = visit(address=google, routes={GOOGLE: stand_in})
    run(page)
    page.get_by_role("button", name="Dark").click()
    page.evaluate("gm_authFailure()")
    expect(page.locator("[data-notice=map]")).to_contain_text("the key is refused")
    expect(page.locator("#map canvas")).to_be_visible()
    expect(page.locator(".google-fake")).to_have_count(0)
    expect(page.locator("#map")).to_have_attribute("data-paths", "42")
    page.wait_for_timeout(800)
    average = picture(page).resize((1, 1)).getpixel((0, 0))
    assert isinstance(average, tuple) and sum(average) < 300  # as dark as the page is by now


def test_where_the_policy_refuses_google_the_built_in_map_serves(visit: Visit, google: str) -> None:
    def without_google(route: Route) -> None:
        if urlparse(route.request.url).path != "/":
            return route.continue_()
        response = route.fetch()
        ours = {**response.headers, "content-security-policy": policy()}
        return route.fulfill(response=response, headers=ours)

    refusal = ("Loading the script 'https://maps.googleapis.com/maps/api/js",)
    page = visit(address=google, routes={google: without_google, GOOGLE: stand_in}, expected=refusal)
    expect(page.locator("[data-notice=map]")).to_contain_text("its script cannot be loaded")
    expect(page.locator("#map canvas")).to_be_visible()


def test_an_area_is_drawn_by_keys(either: Callable[[str], Page]) -> None:
    page = either("")
    run(page)
    page.get_by_role("button", name="Draw an area").press("Enter")
    page.evaluate("""
      const inner = document.createElement('div'); // Google's map has the focus in an element of its own
      inner.tabIndex = 0;
      const map = document.querySelector('#map');
      if (!map.querySelector('canvas')) map.append(inner), inner.focus();
    """)
    page.keyboard.press("Space")
    assert layer(page, "drawing") == 1
    page.keyboard.press("Escape")
    assert layer(page, "drawing") == 0


def test_no_class_is_used_that_google_has_removed_or_deprecated() -> None:
    for name in (
        "HeatmapLayer",
        "DrawingManager",
        "KmlLayer",
        "maps.Marker(",
        "Autocomplete",
        "DirectionsService",
    ):
        assert name not in ADAPTER
