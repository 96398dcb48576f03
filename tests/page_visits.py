"""Visits to the map page: one server, one browser, and a page that may not complain.

A visit fails its test at its end if the page logged an error, broke its content security policy, or asked
another host for anything.
"""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route

from scripts.page_site import browser, chromium, site, wait_until

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
SITE_ZONE = "America/Los_Angeles"

Visit = Callable[..., Page]


def answer(address: str) -> Any:
    """Return the JSON that the server gives at `address`."""
    with urllib.request.urlopen(address, timeout=30) as response:
        return json.load(response)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    """The browser of all visits."""
    if chromium() is None:
        pytest.skip("Chromium is not installed: the map page is not tested")
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demonstration keeps its own files."""
    return tmp_path_factory.mktemp("demonstration")


@pytest.fixture(scope="session")
def demo(demo_folder: Path) -> Iterator[str]:
    """The address of a demonstration that runs one ensemble at a time."""
    with site(demo_folder, HABSIM_ENSEMBLES="1") as address:
        yield address


@pytest.fixture(scope="session")
def blind_chrome(chrome: Browser) -> Iterator[Browser]:
    """A browser without WebGL, in which everything but the map works."""
    arguments = ["--no-sandbox", "--disable-3d-apis"]
    started = chrome.browser_type.launch(executable_path=chromium(), args=arguments)
    yield started
    started.close()


@pytest.fixture
def visit(chrome: Browser, demo: str) -> Iterator[Visit]:
    """What opens the page; see `visits`."""
    yield from visits(chrome, demo)


@pytest.fixture
def visit_without_map(blind_chrome: Browser, demo: str) -> Iterator[Visit]:
    """What opens the page in a browser that has no map, and so needs less time."""
    yield from visits(blind_chrome, demo)


def visits(chrome: Browser, demo: str) -> Iterator[Visit]:
    """Yield what opens the page, ready to be used: `visit(query, address=, expected=, routes=, **context)`.

    `expected` are beginnings of the browser's complaints that belong to the test; `routes` answer for other
    hosts, which may be asked then.
    """
    troubles: list[str] = []
    contexts = []

    def opened(
        query: str = "",
        address: str = demo,
        expected: tuple[str, ...] = (),
        routes: dict[str, Callable[[Route], None]] | None = None,
        **context: Any,
    ) -> Page:
        options = {"viewport": DESKTOP, "timezone_id": "Europe/Berlin", "locale": "en-GB", **context}
        made = chrome.new_context(**options)
        contexts.append(made)
        page = made.new_page()
        page.set_default_timeout(15_000)
        for host, act in (routes or {}).items():
            page.route(f"{host}/**", act)

        def console(message: ConsoleMessage) -> None:
            driver = "GL Driver Message" in message.text  # a map without a GPU is slow, and says so
            if message.type in ("error", "warning") and not driver and not message.text.startswith(expected):
                troubles.append(f"{message.type}: {message.text} {message.location}")

        def request(asked: Request) -> None:
            if not asked.url.startswith((address, "data:", "blob:", *(routes or {}))):
                troubles.append(f"asked another host: {asked.url}")

        page.on("console", console)
        page.on("request", request)
        page.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
        page.goto(f"{address}/{query}")
        if "/login" not in page.url:
            ready(page)
        return page

    yield opened
    for made in contexts:
        made.close()
    assert not troubles


def ready(page: Page) -> None:
    """Return when the page can be used, knows the forecast, and has its map or knows that there is none."""
    wait_until(page, "document.documentElement?.dataset.ready === 'true'")
    wait_until(page, "['drawn', 'none'].includes(document.documentElement.dataset.map)")
    wait_until(page, "!document.querySelector('#forecast').textContent.startsWith('Looking')")


def run(page: Page, kind: str = "Ensemble") -> str:
    """Return the sentence that comes of pressing Run `kind`."""
    page.get_by_role("button", name=f"Run {kind}").click()
    shown(page)
    return page.locator("#sentence").inner_text()


def shown(page: Page) -> None:
    """Return when the answer to what the page asks now is shown and nothing is under way."""
    wait_until(
        page,
        "!document.querySelector('#answer').hidden && document.querySelector('#mark').hidden"
        " && document.body.getAttribute('aria-busy') !== 'true'",
    )


def question(page: Page) -> str:
    """Return the path and query of what is shown."""
    asked = page.locator("#results").get_attribute("data-question")
    assert asked is not None
    return asked


def fact(page: Page, name: str) -> str:
    """Return a fact of the landing panel, with plain blanks."""
    text: str = page.locator(f"#fact-{name}").inner_text()
    return text.replace("\u00a0", " ").replace("\u202f", " ")
