"""The built-in map: pin, layers, drawing, live dragging, dark, the date line, and a browser without WebGL."""

import io
import json
import math
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from scripts.page_site import wait_until
from tests.page_visits import Visit, answer, fact, question, ready, run, shown

pytestmark = pytest.mark.xdist_group("map")

MOVES, SECONDS = 20, 4.0  # of the pin; at least half as many answers must be drawn
RECORD = """
  window.drawn = [];
  new MutationObserver(() => {
    const {question} = document.querySelector('#results').dataset;
    if (drawn.at(-1) !== question) drawn.push(question);
  }).observe(document.querySelector('#results'), {attributes: true, attributeFilter: ['data-question']});
"""
# A tab in the background gets no frames; here long waits are over at once, until it is seen.
UNSEEN = """
  const {requestAnimationFrame: frame, setTimeout: wait} = window;
  const held = [];
  let hidden = true;
  Object.defineProperty(document, 'hidden', {get: () => hidden});
  window.requestAnimationFrame = (act) => hidden ? held.push(act) : frame.call(window, act);
  window.setTimeout = (act, ms, ...rest) => wait.call(window, act, hidden && ms > 10000 ? 100 : ms, ...rest);
  window.see = () => {
    hidden = false;
    held.forEach((act) => frame.call(window, act));
    document.dispatchEvent(new Event('visibilitychange'));
  };
"""


def layer(page: Page, name: str) -> int:
    """Return how many shapes the map was given for a layer."""
    return int(page.locator("#map").get_attribute(f"data-{name}") or -1)


def pin(page: Page) -> tuple[float, float]:
    """Return where the pin is on the screen."""
    box = page.get_by_role("button", name="Launch: arrow keys move it").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def picture(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.locator("#map canvas").first.screenshot())).convert("RGB")


def differing(one: Image.Image, other: Image.Image) -> int:
    """Return in how many pixels two pictures differ visibly."""
    return int((np.abs(np.asarray(one, np.int32) - np.asarray(other, np.int32)).max(-1) > 16).sum())


def test_the_map_draws_every_path_landing_and_area(visit: Visit, demo: str) -> None:
    page = visit("?eqtime=1&run=ensemble")
    shown(page)
    found = answer(demo + question(page))
    assert layer(page, "paths") == 3 * len(found["paths"])
    assert layer(page, "landings") == len(found["heatmap_data"]) == 441
    assert layer(page, "areas") == 2
    assert layer(page, "heat") == 1
    assert layer(page, "balloons") == 21
    page.wait_for_timeout(500)
    colours = picture(page).getcolors(1 << 20)
    assert colours is not None and len(colours) > 50


def test_layers_are_hidden_and_shown(visit: Visit) -> None:
    page = visit()
    run(page)
    page.get_by_role("button", name="Show on the map").click()
    page.get_by_text("Layers", exact=True).click()
    page.wait_for_timeout(500)
    before = picture(page)
    boxes = page.get_by_role("group", name="Layers").get_by_role("checkbox")
    for box in boxes.all()[:4]:
        box.uncheck()
    page.wait_for_timeout(500)
    assert differing(picture(page), before) > 2000
    for box in boxes.all()[:4]:
        box.check()
    page.wait_for_timeout(500)
    assert differing(picture(page), before) < 500  # names may find another place


def test_the_heat_map_is_hot_where_landings_are_likely(visit: Visit, demo: str) -> None:
    page = visit()
    run(page)
    density = answer(demo + question(page))["landing"]["density"]
    image = Image.open(io.BytesIO(page.context.request.get(demo + density["image"]).body())).convert("RGBA")
    pixels = np.asarray(image, np.int32).reshape(-1, 4)
    seen = pixels[pixels[:, 3] > 0]
    warmth = seen[:, 0] - seen[:, 2]
    hottest, coolest = seen[warmth.argmax()], seen[warmth.argmin()]
    assert hottest[0] > 200 > 120 > hottest[2] and coolest[2] > coolest[0]


def test_a_click_on_the_map_moves_the_launch(visit: Visit) -> None:
    page = visit()
    run(page)
    before = page.get_by_label("Town or coordinates").input_value()
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 120)
    expect(page.get_by_label("Town or coordinates")).not_to_have_value(before)
    expect(page.get_by_label("Altitude m")).to_have_value("")
    shown(page)
    lat, lon = page.get_by_label("Town or coordinates").input_value().split(", ")
    asked = dict(parse_qsl(question(page).split("?")[1]))
    assert float(asked["lat"]) == pytest.approx(float(lat), abs=1e-4)
    assert float(asked["lon"]) == pytest.approx(float(lon), abs=1e-4)
    assert asked["alt"] == "0"


def test_the_pin_moves_by_keys(visit: Visit) -> None:
    page = visit()
    run(page)
    before = pin(page)
    button = page.get_by_role("button", name="Launch: arrow keys move it")
    button.focus()
    button.press("ArrowRight")
    button.press("Shift+ArrowUp")
    after = pin(page)
    assert (round(after[0] - before[0]), round(after[1] - before[1])) == (8, -80)
    shown(page)


def test_the_area_follows_the_dragged_pin(visit: Visit, demo: str) -> None:
    page = visit()
    run(page)
    page.evaluate(RECORD)
    x, y = pin(page)
    page.mouse.move(x, y)
    page.mouse.down()
    for move in range(1, MOVES + 1):
        turn = 2 * math.pi * move / MOVES
        page.mouse.move(x + 60 * math.sin(turn), y + 60 * (1 - math.cos(turn)) + move)
        page.wait_for_timeout(1000 * SECONDS / MOVES)
    page.mouse.up()
    shown(page)
    drawn = page.evaluate("drawn")
    assert len(drawn) >= MOVES / 2
    assert drawn[-1] == question(page)
    asked = page.locator("#curl").text_content() or ""
    assert drawn[-1] in asked
    landing = answer(demo + drawn[-1])["landing"]
    assert fact(page, "point").startswith(f"{landing['likely']['lat']:.4f}, {landing['likely']['lon']:.4f}")
    lat, lon = page.get_by_label("Town or coordinates").input_value().split(", ")
    assert f"lat={lat[:6]}" in drawn[-1] and f"lon={lon[:7]}" in drawn[-1]


def test_the_share_inside_a_drawn_area_is_the_servers(visit: Visit, demo: str) -> None:
    page = visit()
    run(page)
    page.get_by_role("button", name="Show on the map").click()
    page.get_by_role("button", name="Draw an area").click()
    box = page.locator("#map").bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2 + 85, box["y"] + box["height"] / 2 - 35
    for dx, dy in ((-150, -150), (0, -150), (0, 150), (-150, 150)):
        page.mouse.click(middle[0] + dx, middle[1] + dy)
        page.wait_for_timeout(350)  # or the browser takes two clicks for a double one
    with page.expect_request("**/sim/inside") as asked:
        page.keyboard.press("Enter")
    body = asked.value.post_data_json
    response = page.context.request.post(
        f"{demo}/sim/inside", data=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    found = response.json()
    expected = f"({found['landings']} of {found['of']} landings, from {found['members']} of 21 members)"
    expect(page.locator("#inside-text")).to_contain_text(expected)
    assert 0 < found["landings"] < 441
    page.get_by_role("button", name="Clear the area").click()
    expect(page.locator("#inside-text")).to_have_text("")
    assert layer(page, "drawing") == 0


def test_an_area_is_drawn_by_keys_and_given_up(visit: Visit) -> None:
    page = visit()
    run(page)
    button = page.get_by_role("button", name="Draw an area")
    button.press("Enter")
    for key in ("Space", "ArrowRight", "Space", "ArrowDown", "Space"):
        page.keyboard.press(key)
        page.wait_for_timeout(500)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Clear the area")).to_be_visible()
    page.get_by_role("button", name="Clear the area").click()
    button.click()
    page.keyboard.press("Escape")
    expect(page.locator("#inside-text")).to_have_text("")


def test_the_dark_map_shows_the_same(visit: Visit) -> None:
    page = visit()
    run(page)
    page.wait_for_timeout(300)
    light = picture(page).resize((1, 1)).getpixel((0, 0))
    page.get_by_role("button", name="Dark").click()
    page.wait_for_timeout(800)
    dark = picture(page).resize((1, 1)).getpixel((0, 0))
    assert isinstance(light, tuple) and isinstance(dark, tuple)
    assert sum(light) > 550 > 300 > sum(dark)
    assert layer(page, "paths") == 42


def test_a_page_that_nobody_sees_waits_with_its_map(chrome: Browser, demo: str) -> None:
    page = chrome.new_page()
    page.add_init_script(UNSEEN)
    page.goto(demo)
    wait_until(page, "document.documentElement?.dataset.ready === 'true'")
    page.wait_for_timeout(2500)
    assert page.evaluate("document.documentElement.dataset.map") is None
    expect(page.locator("[data-notice=map]")).to_have_count(0)
    page.evaluate("see()")
    ready(page)
    assert page.evaluate("document.documentElement.dataset.map") == "drawn"
    page.close()


@pytest.mark.parametrize(("lat", "lon"), [(10.0, -179.9), (75.0, 20.0)])
def test_launches_at_the_date_line_and_far_north_are_drawn_unbroken(
    visit: Visit, lat: float, lon: float
) -> None:
    page = visit(f"?lat={lat}&lon={lon}&eqtime=2")
    shown(page)
    x, y = pin(page)
    box = page.locator("#map").bounding_box()
    assert box is not None
    assert box["x"] < x < box["x"] + box["width"] and box["y"] < y < box["y"] + box["height"]
    assert layer(page, "landings") == 441
    landed = float(fact(page, "point").split("\n")[0].split(", ")[1])
    assert landed * lon < 0 or abs(lon) < 90  # it has crossed the date line
    scale = page.locator(".maplibregl-ctrl-scale").inner_text()
    length, unit = scale.split()
    assert unit == "km" and int(length) <= 20  # no line goes round the world
    page.wait_for_timeout(500)
    red, green, blue = np.moveaxis(np.asarray(picture(page)), -1, 0)
    assert (
        (blue > 190) & (red < 60) & (green > 80) & (green < 130)
    ).sum() > 150  # the ascent's line, of some width, all in the picture


def test_a_launch_window_labels_each_landing(visit: Visit) -> None:
    page = visit("?run=multi&launches=4&interval=6")
    shown(page)
    assert layer(page, "launches") == 4


def test_without_webgl_everything_but_the_map_works(visit_without_map: Visit) -> None:
    page = visit_without_map()
    expect(page.locator("[data-notice=map]")).to_contain_text(
        "There is no map here (this browser has no WebGL)."
    )
    run(page)
    assert fact(page, "landed").startswith("21 of 21 members")
    expect(page.locator("#layers")).to_be_hidden()
