"""What the page's files may not hold."""

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parent.parent / "www"
OURS = sorted([*WEB.glob("*.js"), *WEB.glob("*.css"), WEB / "index.html", WEB / "login.html"])
BANNED = {
    "markup made of text": r"innerHTML|outerHTML|insertAdjacentHTML|document\.write",
    "a dialogue that stops the page": r"\b(alert|confirm|prompt)\(",
    "text run as code": r"\beval\(|new Function\(|javascript:",
    "style or script in an element": r"\s(style|on[a-z]+)=[\"']",
    "a class that Google has removed": r"HeatmapLayer|DrawingManager|KmlLayer|google\.maps\.Marker\b",
}
HOSTS = {  # that a file may name, and why
    "mapgoogle.js": {"maps.googleapis.com"},  # where a key is configured
    "maplibre.js": {
        "tile.openstreetmap.org",
        "www.openstreetmap.org",
    },  # where online layers are allowed; credit
    "mapstyle.js": {"www.naturalearthdata.com", "www.geonames.org"},  # credits
    "index.html": {"www.naturalearthdata.com", "www.geonames.org"},
    "results.js": {"www.google.com"},  # a link to where it lands
    "dom.js": {"www.w3.org"},  # the name of SVG
}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_a_file_holds_nothing_that_is_banned(path: Path) -> None:
    text = path.read_text()
    assert [name for name, pattern in BANNED.items() if re.search(pattern, text)] == []
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= HOSTS.get(path.name, set())


@pytest.mark.parametrize("path", sorted(WEB.glob("*.js")), ids=lambda path: path.name)
def test_a_module_is_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
