"""Draws the pictures of the map page for the README: python scripts/draw_page.py [--folder docs]

The demonstration's winds depend on the date, so pictures of different days differ.
"""

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parent.parent))

from scripts.page_site import ROOT, browser, site, wait_until

LARGEST = 300_000  # bytes, of a picture
AHEAD = 30  # h, so that the members have come apart
PLACE = "lat=36.8492&lon=-121.432&asc=5&desc=5.5&eqtime=0.25"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "page-desktop": ("run=ensemble", DESKTOP),
    "page-dark": ("run=multi&interval=6", {**DESKTOP, "color_scheme": "dark"}),
    "page-phone": ("run=ensemble", PHONE),
}
GOOGLE = "https://maps.googleapis.com/**"
STAND_IN = ROOT / "tests" / "google.maps.fake.js"  # draws what Google's map is given, on no map


def main() -> None:
    """Draw them all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "docs")
    folder: Path = parser.parse_args().folder
    launch = (int(time.time()) // 3600 + AHEAD) * 3600
    with tempfile.TemporaryDirectory() as data, browser() as chromium:
        with site(Path(data) / "built-in") as address:
            for name, (query, options) in PICTURES.items():
                _draw(
                    chromium,
                    f"{address}/?{PLACE}&timestamp={launch}&{query}",
                    options,
                    folder / f"{name}.png",
                )
        with site(Path(data) / "google", GOOGLE_MAPS_API_KEY="none") as address:
            query = f"{PLACE}&timestamp={launch}&run=ensemble"
            _draw(chromium, f"{address}/?{query}", DESKTOP, folder / "page-google.png")


def _draw(chromium: Browser, address: str, options: dict[str, Any], path: Path) -> None:
    """Write the picture of the page at `address`."""
    context = chromium.new_context(**options)
    page = context.new_page()
    page.route(GOOGLE, lambda route: route.fulfill(path=STAND_IN, content_type="text/javascript"))
    page.goto(address)
    wait_until(page, "performance.getEntriesByName('habsim:drawn').length > 0", 60.0)
    wait_until(page, "document.body.getAttribute('aria-busy') !== 'true'", 60.0)
    slider = page.get_by_role("slider", name="Flight time")
    slider.fill("5400")
    slider.blur()
    page.wait_for_timeout(2000)  # names, and the picture of the density
    path.write_bytes(_small(page.screenshot(animations="disabled", caret="hide")))
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    context.close()


def _small(screenshot: bytes) -> bytes:
    """Return a screenshot as a PNG that is small enough, of few colours if it must."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    for drawn in (image, image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)):
        stream = io.BytesIO()
        drawn.save(stream, "PNG", optimize=True)
        if stream.tell() <= LARGEST:
            break
    return stream.getvalue()


if __name__ == "__main__":
    main()
