"""How fast the map page is in headless Chromium without a GPU, over a demonstration on this machine.

The browser starts each visit with nothing kept.
"""

import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page

from scripts.bench_rows import REPEATS, Row, loop
from scripts.page_site import browser, site, wait_until

_MARKS = """() => {
  const first = (name) => performance.getEntriesByName(name)[0];
  const files = performance.getEntriesByType('resource').filter(({name}) => !/\\/(tiles|sim)\\//.test(name));
  const page = performance.getEntriesByType('navigation')[0];
  return {
    paint: first('first-contentful-paint').startTime,
    ready: first('habsim:ready').startTime,
    map: first('habsim:map').startTime,
    drawn: performance.getEntriesByName('habsim:drawn').at(-1).duration,
    weight: page.encodedBodySize + files.reduce((sum, {encodedBodySize}) => sum + encodedBodySize, 0),
  };
}"""
_NAMES = {
    "paint": ("page, first paint", "ms"),
    "ready": ("page, can be used", "ms"),
    "map": ("page, map drawn", "ms"),
    "drawn": ("page, from an ensemble's answer to its picture", "ms"),
    "weight": ("page, compressed, without tiles", "kB"),
}


def measure() -> list[Row]:
    """Return medians of several visits, in each of which one ensemble is run."""
    with tempfile.TemporaryDirectory() as data, site(Path(data)) as address, browser() as chromium:
        _visit(chromium, address)  # opens files and warms the server up
        loops, visits = [], []
        for _ in range(REPEATS):
            loops.append(loop())
            visits.append(_visit(chromium, address))
    rows = []
    for key, (name, unit) in _NAMES.items():
        values = [visit[key] / (1000 if unit == "kB" else 1) for visit in visits]
        rows.append(Row(name, median(values), unit, f"{min(values):.3g} to {max(values):.3g}", median(loops)))
    return rows


def _visit(chromium: Browser, address: str) -> dict[str, float]:
    """Return what the browser noted of a visit with an ensemble."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    try:
        page: Page = context.new_page()
        page.goto(address)
        wait_until(page, "performance.getEntriesByName('habsim:map').length > 0")
        page.get_by_role("button", name="Run Ensemble").click()
        wait_until(page, "performance.getEntriesByName('habsim:drawn').length > 0")
        noted: dict[str, float] = page.evaluate(_MARKS)
        return noted
    finally:
        context.close()
