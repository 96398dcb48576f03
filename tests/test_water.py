"""Water: seas and lakes that everybody knows, edges of the grid of tiles, and shores."""

import numpy as np
import pytest

from habsim.water import wet

WATER = {
    "the Pacific": (0.0, -150.0),
    "the Gulf of Guinea, where the source invents an island": (0.0, 0.0),
    "Lake Superior": (47.7, -87.5),
    "Lake Victoria": (-1.0, 33.0),
    "the Caspian Sea": (42.0, 51.0),
    "Lake Baikal": (53.5, 108.0),
    "San Francisco Bay": (37.65, -122.25),
    "the North Pole": (90.0, 0.0),
    "off the north of Greenland": (85.2, -30.0),
}
LAND = {
    "Denver": (39.7, -105.0),
    "Manhattan": (40.78, -73.97),
    "San Jose": (37.3553, -121.8763),
    "Chukotka west of the date line": (67.0, 179.99),
    "Chukotka east of it": (66.0, -179.9),
    "Antarctica": (-80.0, 0.0),
    "the South Pole": (-90.0, 123.0),
}


def at(place: tuple[float, float]) -> bool:
    return bool(wet(np.array([place[0]]), np.array([place[1]]))[0])


@pytest.mark.parametrize("name", WATER)
def test_seas_and_large_lakes_are_water(name: str) -> None:
    assert at(WATER[name])


@pytest.mark.parametrize("name", LAND)
def test_land_is_no_water(name: str) -> None:
    assert not at(LAND[name])


def test_many_places_at_once_are_as_each_alone() -> None:
    places = np.array([*WATER.values(), *LAND.values()])
    expected = [True] * len(WATER) + [False] * len(LAND)
    assert wet(places[:, 0], places[:, 1]).tolist() == expected


@pytest.mark.parametrize("lon", [180.0, -180.0, 540.0])
def test_longitude_wraps(lon: float) -> None:
    assert at((66.5, lon)) is at((66.5, -180.0))
    assert at((0.0, lon))


def test_a_shore_is_where_maps_have_it() -> None:
    """Along 37.5 N the land ends at Half Moon Bay, 122.5 W; the source is right to some hundred metres."""
    lon = np.arange(-122.6, -122.4, 0.001)
    dry = ~wet(np.full(lon.shape, 37.5), lon)
    assert lon[dry].min() == pytest.approx(-122.5, abs=0.015)
    assert not np.any(dry[: np.argmax(dry)])
