"""The map page for everybody: keys, screen readers, phones, dark rooms, no network, no WebGL."""

from importlib import resources
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page_visits import PHONE, Visit, ready, run, shown

pytestmark = pytest.mark.xdist_group("page")

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()


def findings(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical."""
    page.evaluate(AXE)
    result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{found['id']}: {node['html']} {node['failureSummary']}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


@pytest.mark.parametrize(
    "context",
    [{}, {"color_scheme": "dark"}, {"viewport": PHONE, "has_touch": True, "is_mobile": True}],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing_serious(visit: Visit, context: dict[str, Any]) -> None:
    page = visit("?run=multi&launches=3", **context)
    shown(page)
    for summary in page.locator("summary:visible").all():
        summary.click()
    assert findings(page) == []


def test_a_phone_has_the_map_the_landing_and_the_runs_at_hand(visit: Visit) -> None:
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Run Ensemble").tap()
    shown(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in ("Run Single", "Run Ensemble", "Run Multi"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["height"] >= 44 and box["y"] + box["height"] <= PHONE["height"]
    order = [page.locator(part).bounding_box() for part in ("#map", "#sentence", "#form")]
    tops = [box["y"] for box in order if box is not None]
    assert tops == sorted(tops) and len(tops) == 3
    expect(page.locator("#sentence")).to_be_in_viewport()
    assert "user-scalable" not in page.locator("meta[name=viewport]").get_attribute("content")  # type: ignore[operator]


def test_everything_is_reached_by_keys_in_the_order_it_is_read(visit: Visit) -> None:
    page = visit()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    wanted = [
        "Skip to the launch", "Skip to the landing", "copy-link", "units", "theme", "Help and API",
        "place", "date", "time", "zone", "alt", "asc", "desc", "descent_model", "equil", "eqtime",
        "run-single", "model", "run-ensemble", "num_perturbations", "run-multi", "interval", "launches",
    ]  # fmt: skip
    places = [seen.index(name) for name in wanted]
    assert places == sorted(places)


def test_skip_links_show_themselves_and_lead_there(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the launch")
    expect(skip).to_be_in_viewport()
    skip.press("Enter")
    expect(page.get_by_label("Town or coordinates")).to_be_focused()


def test_focus_is_seen(visit: Visit) -> None:
    page = visit()
    page.get_by_label("Descent m/s").focus()
    outline = "getComputedStyle(document.activeElement).outlineWidth"
    assert page.evaluate(outline) == "3px"


def test_a_screen_reader_hears_the_answer(visit: Visit) -> None:
    page = visit()
    sentence = run(page)
    where = sentence.split(" of the launch")[0]  # the town near it is learnt a little later
    expect(page.locator("#status")).to_contain_text(f"{where} of the launch")
    expect(page.locator("#results")).to_match_aria_snapshot("""
        - region "Landing":
          - heading "Landing" [level=2]
          - paragraph: /Expect it .* of the launch,.* around .* the 90 % area is .*/
    """)


def test_dark_follows_the_system_until_somebody_chooses(visit: Visit) -> None:
    page = visit(color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Light").click()
    light = page.evaluate(background)
    assert dark == "rgb(14, 20, 27)" and light == "rgb(243, 245, 248)"
    page.reload()
    ready(page)
    assert page.evaluate(background) == light


def test_no_network_is_said_and_the_answer_stays(visit: Visit) -> None:
    page = visit(expected=("Failed to load resource: net::ERR_INTERNET_DISCONNECTED",))
    run(page)
    point = page.locator("#fact-point").inner_text()
    page.context.set_offline(True)
    expect(page.locator("[data-notice=offline]")).to_contain_text("No network.")
    assert page.locator("#fact-point").inner_text() == point
    page.context.set_offline(False)
    expect(page.locator("[data-notice=offline]")).to_have_count(0)


def test_the_demonstration_says_so_for_good_and_leads_to_no_navigation(visit: Visit) -> None:
    page = visit()
    run(page)
    notice = page.locator("[data-notice=demo]")
    expect(notice).to_contain_text("Demonstration data. Winds are synthetic")
    expect(notice.get_by_role("button")).to_have_count(0)
    assert page.locator("a[href^='geo:'], a[href*='maps']").count() == 0


def test_credits_are_seen(visit: Visit) -> None:
    page = visit()
    expect(page.get_by_text("CC BY 4.0")).to_be_visible()
    expect(page.get_by_role("link", name="Natural Earth").first).to_be_visible()
