"""Landing statistics: areas hold what they say, anywhere on Earth, for any number of landings."""

import io
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from PIL import Image
from shapely.geometry import shape

from habsim.arrays import Floats, Ints
from habsim.earth import RADIUS
from habsim.landing import Area, LandingStatistics, png, statistics
from habsim.plane import Plane
from scripts.calibrate_areas import SHAPES, Shape, areas, clusters, coverage, usual_areas

SITES = {
    "mid-latitude": (37.3553, -121.8763),
    "equator": (0.0, 0.0),
    "date line": (52.0, 179.95),
    "near the north pole": (89.9, 30.0),
    "south pole": (-90.0, 0.0),
}
GAUSSIAN, CRESCENT = SHAPES[0], SHAPES[2]


def at(site: str, points: Floats, member: Ints | None = None) -> LandingStatistics:
    """Return the statistics of landings at `points` (m) about a site; by default each is a member."""
    lat, lon = SITES[site]
    plane = Plane.about(np.array([lat]), np.array([lon]), np.ones(1))
    landings = plane.unproject(np.asarray(points, float))
    return statistics(*landings, np.zeros(len(points)), np.arange(len(points)) if member is None else member)


def ensemble(shape: Shape, seed: int = 0) -> tuple[Floats, Ints]:
    """Return 21 x 21 landings (m) drawn from `shape`, some tens of km across, and their members."""
    points, member = clusters(shape, np.random.default_rng(seed))
    return points * 5_000.0, member


def signed_area(ring: list[list[float]]) -> float:
    x, y = np.array(ring).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2.0)


def assert_rfc_7946(geometry: dict[str, Any]) -> None:
    """Check sections 3.1.6 and 3.1.9: closed rings, their sense, and no edge across the antimeridian."""
    assert geometry["type"] == "MultiPolygon"
    assert geometry["coordinates"]
    for exterior, *holes in geometry["coordinates"]:
        assert signed_area(exterior) > 0.0
        assert all(signed_area(hole) < 0.0 for hole in holes)
        for ring in (exterior, *holes):
            assert ring[0] == ring[-1]
            assert 4 <= len(ring) <= 400
            lon, lat = np.array(ring).T
            assert np.abs(lon).max() <= 180.0
            assert np.abs(lat).max() <= 90.0
            wide = np.abs(np.diff(lon)) > 180.0
            assert np.all(np.abs(lat[:-1][wide]) == 90.0)  # only along the pole's edge of the map
    assert shape(geometry).is_valid


def outlines(found: LandingStatistics) -> list[shapely.Geometry]:
    return [shape(area.geometry) for area in found.areas]


@pytest.mark.parametrize("drawn_from", SHAPES, ids=lambda drawn_from: drawn_from.name)
def test_areas_hold_the_share_of_fresh_members_that_they_say(drawn_from: Shape) -> None:
    # 21 members leave a standard deviation of 0.14 and 0.09 at most, so the mean of 40 one of 0.02
    held = coverage(drawn_from, clusters, areas, seeds=40, fresh=3000).fresh.mean(axis=0)
    assert held == pytest.approx([0.5, 0.9], abs=0.05)


def test_a_width_for_441_opinions_leaves_fresh_members_out() -> None:
    held = coverage(GAUSSIAN, clusters, usual_areas, seeds=40, fresh=3000).fresh.mean(axis=0)
    assert held[0] < 0.45
    assert held[1] < 0.80


def test_many_members_of_a_gaussian_give_the_areas_of_its_circles() -> None:
    # P(r < R) = 1 - exp(-R2 / 2): area 2 pi ln 2 and 2 pi ln 10; 1000 members fix the share to 0.016 and
    # 0.0095, that is the areas to 4.6 and 4.1 %, and the kernel's width adds some
    points = np.random.default_rng(2).normal(0.0, 5_000.0, (1000, 2))
    half, most = at("mid-latitude", points).areas
    assert half.area_km2 == pytest.approx(2.0 * np.pi * np.log(2.0) * 25.0, rel=0.1)
    assert most.area_km2 == pytest.approx(2.0 * np.pi * np.log(10.0) * 25.0, rel=0.1)


def test_mean_spread_and_time_weigh_every_member_the_same() -> None:
    lat, lon = np.array([9.0, 9.0, 9.0, 11.0]), np.full(4, 20.0)
    found = statistics(lat, lon, np.array([0.0, 0.0, 0.0, 60.0]), np.array([4, 4, 4, 7]))
    assert found.mean == pytest.approx((10.0, 20.0), abs=1e-9)
    assert found.spread_m == pytest.approx(RADIUS * np.radians(1.0), rel=1e-9)
    assert (found.time_mean, found.time_sd) == pytest.approx((30.0, 30.0))


def test_the_mean_of_landings_astride_the_date_line_lies_on_it() -> None:
    found = statistics(np.zeros(2), np.array([179.0, -179.0]), np.zeros(2), np.arange(2))
    assert found.mean == pytest.approx((0.0, -180.0), abs=1e-9)
    assert found.as_json()["mean"] == {"lat": 0.0, "lon": -180.0}


def test_the_likely_point_is_where_most_members_land() -> None:
    random = np.random.default_rng(3)
    many, few = random.normal(0.0, 1_000.0, (15, 2)), random.normal([40_000.0, 0.0], 1_000.0, (6, 2))
    lat, lon = at("equator", np.concatenate([many, few])).likely
    assert np.hypot(lat, lon) * 111_195.0 < 1_500.0  # a few standard errors of the mode of 15


def test_two_clusters_far_apart_are_two_islands() -> None:
    random = np.random.default_rng(4)
    points = random.normal(0.0, 1_000.0, (21, 2)) + np.where(np.arange(21) % 2, 20_000.0, -20_000.0)[:, None]
    for area in at("mid-latitude", points).areas:
        assert len(area.geometry["coordinates"]) == 2


def test_a_ring_of_landings_has_a_hole() -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
    ring = 20_000.0 * np.stack([np.cos(angle), np.sin(angle)], -1)
    radius = 1.0 + 0.05 * np.random.default_rng(5).normal(size=(60, 1))
    area = at("equator", ring * radius).areas[1]
    ((_, *holes),) = area.geometry["coordinates"]
    assert len(holes) == 1
    assert not shape(area.geometry).contains(shapely.Point(0.0, 0.0))


@pytest.mark.parametrize("drawn_from", SHAPES, ids=lambda drawn_from: drawn_from.name)
def test_the_share_is_that_of_landings_inside_the_polygon(drawn_from: Shape) -> None:
    points, member = ensemble(drawn_from)
    kept = (member > 2) | (np.arange(len(member)) % 5 == 0)  # three members of which most flights failed
    points, member = points[kept], member[kept]
    lat, lon = Plane.about(np.array([37.0]), np.array([-121.0]), np.ones(1)).unproject(points)
    for area in statistics(lat, lon, np.zeros(len(lat)), member).areas:
        inside = shapely.contains_xy(shape(area.geometry), lon, lat)
        by_member = [inside[member == number].mean() for number in np.unique(member)]
        # edges straight in degrees and straight in the plane differ by metres: one landing at most
        assert area.share == pytest.approx(np.mean(by_member), abs=1.0 / 21 / 4)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("drawn_from", SHAPES, ids=lambda drawn_from: drawn_from.name)
def test_a_cloud_has_the_same_areas_wherever_it_lies(drawn_from: Shape, site: str) -> None:
    points, member = ensemble(drawn_from)
    there, here = at(site, points, member), at("mid-latitude", points, member)
    assert there.spread_m == pytest.approx(here.spread_m, rel=1e-6)
    for one, other in zip(there.areas, here.areas, strict=True):
        # the grid may lie the other way about, which moves contours by a thousandth of a cell
        assert one.area_km2 == pytest.approx(other.area_km2, rel=2e-3)
        assert one.share == pytest.approx(other.share, abs=0.005)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("drawn_from", SHAPES, ids=lambda drawn_from: drawn_from.name)
def test_areas_are_valid_geojson_and_nested(drawn_from: Shape, site: str) -> None:
    for seed in range(5):
        found = at(site, *ensemble(drawn_from, seed))
        for area in found.areas:
            assert_rfc_7946(area.geometry)
        half, most = outlines(found)
        assert half.difference(most).area <= 1e-6 * half.area


@pytest.mark.parametrize("site", SITES)
def test_the_polygon_on_the_map_has_the_area_that_is_told(site: str) -> None:
    lat, lon = SITES[site]
    plane = Plane.about(np.array([lat]), np.array([lon]), np.ones(1))
    for area in at(site, *ensemble(CRESCENT)).areas:
        fine = shapely.segmentize(shape(area.geometry), 0.1)
        back = shapely.transform(fine, lambda lon_lat: plane.project(*lon_lat.T[::-1]))
        # beside a pole an edge straight in degrees is an arc on the ground: 1 %
        assert back.area / 1e6 == pytest.approx(area.area_km2, rel=0.01 if abs(lat) > 80.0 else 1e-4)


def test_an_area_about_the_pole_reaches_the_pole() -> None:
    points = np.random.default_rng(6).normal(0.0, 5_000.0, (21, 2))
    for area in at("south pole", points).areas:
        assert shape(area.geometry).bounds[:2] == (-180.0, -90.0)
        assert_rfc_7946(area.geometry)


def test_a_ring_around_the_pole_leaves_the_pole_out() -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
    radius = 20_000.0 * (1.0 + 0.05 * np.random.default_rng(5).normal(size=60))
    area = at("south pole", np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)).areas[1]
    assert_rfc_7946(area.geometry)
    west, south, east, _ = shape(area.geometry).bounds
    assert (west, east) == (-180.0, 180.0)
    assert south > -90.0


def test_a_lone_landing_has_round_areas_of_the_least_width() -> None:
    half, most = at("mid-latitude", np.zeros((1, 2))).areas
    assert (half.share, most.share) == (1.0, 1.0)
    assert half.area_km2 == pytest.approx(2.0 * np.pi * np.log(2.0) * 0.05**2, rel=0.01)  # a Gaussian of 50 m
    assert most.area_km2 == pytest.approx(2.0 * np.pi * np.log(10.0) * 0.05**2, rel=0.01)


@pytest.mark.parametrize("members", [1, 2, 3, 5, 21])
@pytest.mark.parametrize("cloud", ["one point", "a line", "a disc"])
def test_few_or_coinciding_landings_have_areas_too(members: int, cloud: str) -> None:
    along = np.random.default_rng(7).normal(0.0, 3_000.0, (members * 4, 2))
    points = along * {"one point": [0.0, 0.0], "a line": [1.0, 0.0], "a disc": [1.0, 1.0]}[cloud]
    found = at("date line", points, np.repeat(np.arange(members), 4))
    for area in found.areas:
        assert_rfc_7946(area.geometry)
        assert area.area_km2 > 0.0
        assert area.share > 0.4
    half, most = found.areas
    assert half.area_km2 < most.area_km2


def test_one_member_spreads_as_its_launch_variations_do() -> None:
    points = np.random.default_rng(8).normal(0.0, 1_000.0, (101, 2))
    alone = at("equator", points, np.zeros(101, np.int64)).areas
    each = at("equator", points).areas
    assert [area.area_km2 for area in alone] == pytest.approx([area.area_km2 for area in each])


def test_no_landing_is_refused() -> None:
    with pytest.raises(ValueError, match="no landings"):
        statistics(np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.int64))


def pixel(found: LandingStatistics, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """Return (row, column) of places on the picture stretched over its bounds on a Mercator map."""
    density = found.density
    rows, columns = density.values.shape
    (low, high), northing = (
        np.log(np.tan(np.pi / 4.0 + np.radians(value) / 2.0))
        for value in (np.array([density.south, density.north]), lat)
    )
    row = (high - northing) / (high - low) * rows - 0.5
    return row, (lon - density.west) % 360.0 / (density.east - density.west) * columns - 0.5


@pytest.mark.parametrize("site", ["mid-latitude", "equator", "date line"])
def test_the_picture_is_brightest_and_reddest_at_the_likely_point(site: str) -> None:
    points, member = ensemble(GAUSSIAN)
    found = at(site, points * 10.0, member)  # degrees across: rows equal in latitude would miss by pixels
    values = found.density.values
    image = np.asarray(Image.open(io.BytesIO(png(found.density))).convert("RGBA")).astype(int)
    assert image.shape == (*values.shape, 4)
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert pixel(found, np.array(found.likely[0]), np.array(found.likely[1])) == pytest.approx(
        (row, column), abs=1.0
    )
    assert values.max() == pytest.approx(1.0, abs=0.01)
    red, green, blue, opacity = image[row, column]
    assert red > 200 > 100 > max(green, blue)
    assert opacity > 150
    low = image[(values > 0.1) & (values < 0.3)]
    assert np.all(low[:, 0] < np.maximum(low[:, 1], low[:, 2]))
    assert np.all(image[values < 0.01][:, 3] == 0)


def test_areas_are_contours_of_the_picture() -> None:
    points, member = ensemble(GAUSSIAN)
    found = at("date line", points, member)
    for area in found.areas:
        values = [picture_at(found, area, island) for island in area.geometry["coordinates"]]
        assert np.ptp(np.concatenate(values)) < 0.02  # a pixel is a fortieth of the cloud


def picture_at(found: LandingStatistics, area: Area, island: list[list[list[float]]]) -> Floats:
    lon, lat = np.array(island[0]).T
    row, column = pixel(found, lat, lon)
    inner = np.abs(lon) < 180.0
    below, left = np.floor(row[inner]).astype(int), np.floor(column[inner]).astype(int)
    up, across = row[inner] - below, column[inner] - left
    values = found.density.values
    upper = values[below, left] * (1 - across) + values[below, left + 1] * across
    lower = values[below + 1, left] * (1 - across) + values[below + 1, left + 1] * across
    return np.asarray(upper * (1 - up) + lower * up)


@pytest.mark.parametrize("site", SITES)
def test_bounds_of_the_picture_are_a_box_on_a_web_map(site: str) -> None:
    density = at(site, *ensemble(CRESCENT)).density
    assert -85.06 < density.south < density.north < 85.06
    assert -180.0 <= density.west < density.east <= density.west + 360.0
    assert len(png(density)) > 60


def test_the_api_gets_everything_but_the_pixels() -> None:
    answer = orjson.loads(orjson.dumps(at("date line", *ensemble(GAUSSIAN)).as_json()))
    assert set(answer) == {"mean", "likely", "spread_m", "time", "areas", "density"}
    assert [area["level"] for area in answer["areas"]] == [0.5, 0.9]
    assert set(answer["areas"][0]) == {"level", "share", "area_km2", "geometry"}
    assert set(answer["density"]["bounds"]) == {"south", "west", "north", "east"}
    assert all(-180.0 <= answer[place]["lon"] < 180.0 for place in ("mean", "likely"))
