"""Areas that users draw: whatever the rings do, places are inside or not, at a bounded cost."""

from typing import Any

import numpy as np
import pytest
import shapely

from habsim.arrays import Floats
from habsim.errors import InvalidRequestError
from habsim.inside import MOST_VERTICES, area, contains

PLACES = np.random.default_rng(5).uniform([-8.0, -8.0], [8.0, 8.0], (2000, 2))  # lat, lon


def polygon(*rings: Floats) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*ring.tolist(), ring[0].tolist()] for ring in rings]}


def circle(radius: float, count: int, turns: int = 1, lon: float = 0.0) -> Floats:
    angles = np.arange(count) * 2.0 * np.pi * turns / count
    return np.stack([lon + radius * np.cos(angles), radius * np.sin(angles)], -1)


def held(*rings: Floats) -> list[bool]:
    return contains(area(polygon(*rings)), *PLACES.T).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("count", [3, 4, 63, 64, 65, 1000])
def test_a_ring_with_a_hole_holds_what_shapely_says(count: int) -> None:
    """64 edges are looked at together; places on an edge itself have no chance here."""
    rings = circle(6.0, count), circle(2.0, count)[::-1]
    expected = shapely.contains_xy(shapely.Polygon(rings[0], [rings[1]]), PLACES[:, 1], PLACES[:, 0])
    assert held(*rings) == expected.tolist()


def test_the_sense_of_a_ring_does_not_count() -> None:
    assert held(circle(6.0, 50)[::-1], circle(2.0, 50)) == held(circle(6.0, 50), circle(2.0, 50)[::-1])


def test_a_star_drawn_in_one_stroke_holds_its_middle() -> None:
    star = circle(6.0, 5, turns=2)
    wedges = [
        shapely.Polygon([(0, 0), start, end]) for start, end in zip(star, np.roll(star, -1, 0), strict=True)
    ]
    outline = shapely.union_all(wedges)
    expected = shapely.contains_xy(outline, PLACES[:, 1], PLACES[:, 0])
    assert held(star) == expected.tolist()


@pytest.mark.parametrize("lon", [-360.0, 360.0, 180.0])
def test_an_area_may_be_drawn_once_round_the_globe_or_across_the_date_line(lon: float) -> None:
    lats, lons = PLACES.T
    drawn = area(polygon(circle(6.0, 50, lon=lon)))
    wrapped = (lons + lon + 180.0) % 360.0 - 180.0
    assert contains(drawn, lats, wrapped).tolist() == held(circle(6.0, 50))


def test_a_scribble_of_all_vertices_allowed_is_judged_without_making_it_valid() -> None:
    """Its edges cross some ten million times: enumerating the crossings takes minutes and gigabytes."""
    scribble = np.random.default_rng(7).integers(-90, 90, (MOST_VERTICES - 1, 2)).astype(float)
    assert np.mean(contains(area(polygon(scribble)), *PLACES.T)) > 0.9


@pytest.mark.parametrize(
    "coordinates",
    [
        [[["0", "0"], ["1", "0"], ["1", "1"], ["0", "0"]]],
        [[[True, 0], [1, 0], [1, 1], [True, 0]]],
        [[[0, 0], [1, 0], [1], [0, 0]]],
        [[[0, 0], [1, 0], [1, None], [0, 0]]],
        [[[0, 0], [1, 0], [0, 0]]],
        [[[0, float("nan")], [1, 0], [1, 1], [0, 0]]],
    ],
)
def test_what_is_no_ring_of_numbers_is_refused(coordinates: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"^geometry must be .*Polygon.* coordinates"):
        area({"type": "Polygon", "coordinates": coordinates})


def test_altitudes_of_positions_are_ignored() -> None:
    ring = [[0, 0, 9], [1, 0], [1, 1, 9], [0, 0, 9]]
    assert area({"type": "Polygon", "coordinates": [ring]})[0][0].shape == (4, 2)


@pytest.mark.parametrize("depth", [3, 400])
def test_nesting_is_refused_however_deep(depth: int) -> None:
    nested: Any = 0.0
    for _ in range(depth):
        nested = [nested]
    with pytest.raises(InvalidRequestError, match=r"^geometry"):
        area({"type": "Polygon", "coordinates": nested})
