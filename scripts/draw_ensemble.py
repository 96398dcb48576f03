"""Draws an ensemble as SVG: paths, landings and areas.

    curl "http://localhost:8000/sim/spaceshot?..." | python scripts/draw_ensemble.py > docs/ensemble.svg

Equirectangular about the mean landing, which is right for the hundred kilometres that a flight spans.
"""

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

WIDTH, HEIGHT, MARGIN = 900, 420, 30
COLOURS = ("#1769d1", "#e07b00", "#c81e1e")  # ascent, coast, descent
AREA = "#6a1b9a"
KM_PER_DEGREE = 111.195

Point = tuple[float, float]


class Frame:
    """Where places lie in the picture."""

    def __init__(self, places: list[Point], centre: Point) -> None:
        self._centre = centre
        kilometres = [self._kilometres(*place) for place in places]
        (self._west, east), (self._south, north) = (
            (min(axis), max(axis)) for axis in zip(*kilometres, strict=True)
        )
        self.scale = min(
            (WIDTH - 2 * MARGIN) / (east - self._west), (HEIGHT - 2 * MARGIN) / (north - self._south)
        )

    def at(self, lat: float, lon: float) -> str:
        """Return "x,y" of a place in degrees."""
        x, y = self._kilometres(lat, lon)
        left, bottom = MARGIN + self.scale * (x - self._west), MARGIN + self.scale * (y - self._south)
        return f"{left:.1f},{HEIGHT - bottom:.1f}"

    def _kilometres(self, lat: float, lon: float) -> Point:
        east = (lon - self._centre[1] + 180.0) % 360.0 - 180.0
        return KM_PER_DEGREE * east * math.cos(math.radians(self._centre[0])), KM_PER_DEGREE * lat


def drawing(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the SVG of a `/sim/spaceshot` answer."""
    paths = [(path, starts) for path, starts in zip(result["paths"], result["phases"], strict=True) if path]
    rings = [
        (area["level"], [ring for polygon in area["geometry"]["coordinates"] for ring in polygon])
        for area in reversed(result["landing"]["areas"])
    ]
    corners = [(lat, lon) for _, group in rings for ring in group for lon, lat in ring]
    places = corners + [(point[0], point[1]) for path, _ in paths for point in path]
    mean = result["landing"]["mean"]
    frame = Frame(places, (mean["lat"], mean["lon"]))
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#f6f5f2"/>'
    )
    for _, group in rings:
        outline = " ".join("M" + " L".join(frame.at(lat, lon) for lon, lat in ring) + " Z" for ring in group)
        yield (
            f'<path d="{outline}" fill="{AREA}" fill-opacity="0.16" fill-rule="evenodd" '
            f'stroke="{AREA}" stroke-dasharray="5 3"/>'
        )
    for path, (coast, descent) in reversed(paths):
        parts = (path[: coast + 1], path[coast : descent + 1], path[descent:])
        bold = path is paths[0][0]
        for part, colour in zip(parts, COLOURS, strict=True):
            points = " ".join(frame.at(point[0], point[1]) for point in part)
            yield (
                f'<polyline points="{points}" fill="none" stroke="{colour}" '
                f'stroke-width="{2.5 if bold else 1}" opacity="{1 if bold else 0.45}"/>'
            )
    for lat, lon, label in result["heatmap_data"]:
        x, y = frame.at(lat, lon).split(",")
        yield f'<circle cx="{x}" cy="{y}" r="{2.2 if label.startswith("model") else 1}" fill="{AREA}"/>'
    tick = 20 * frame.scale
    yield f'<path d="M{MARGIN},{HEIGHT - 12} h{tick:.1f}" stroke="#333" stroke-width="2"/>'
    yield f'<text x="{MARGIN + tick + 6:.1f}" y="{HEIGHT - 8}" fill="#333">20 km</text>'
    if result["demo"]:
        yield f'<text x="{WIDTH - MARGIN}" y="20" text-anchor="end" fill="#8a6d00">demonstration winds</text>'
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(drawing(json.load(sys.stdin))))
