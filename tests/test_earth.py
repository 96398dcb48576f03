"""Altitudes, longitudes and directions on the sphere."""

import numpy as np
import pytest

from habsim.earth import RADIUS, geometric, geopotential, lat_lon, unit_vectors, way, wrap


@pytest.mark.parametrize(
    ("alt", "height"),
    [(0.0, 0.0), (1000.0, 999.8), (11_019.0, 11_000.0), (32_162.0, 32_000.0), (86e3, 84_852.0)],
)
def test_geopotential_heights_are_the_published_ones(alt: float, height: float) -> None:
    """U.S. Standard Atmosphere, 1976, tables I and II: whole metres."""
    assert geopotential(alt) == pytest.approx(height, abs=0.5)


def test_geometric_altitude_is_the_inverse() -> None:
    alts = np.linspace(-500.0, 90e3, 1001)
    np.testing.assert_allclose(geometric(geopotential(alts)), alts, atol=1e-9)


@pytest.mark.parametrize(
    ("lon", "wrapped"),
    [
        (0, 0),
        (179.5, 179.5),
        (180, -180),
        (-180, -180),
        (181, -179),
        (360, 0),
        (539, 179),
        (-181, 179),
        (-720, 0),
    ],
)
def test_longitudes_come_out_from_180_west_to_just_under_180_east(lon: float, wrapped: float) -> None:
    assert float(wrap(lon)) == wrapped


def test_no_longitude_wraps_to_180() -> None:
    for lon in (-180.0, 180.0, 540.0):
        near = np.nextafter(lon, [-np.inf, lon, np.inf])
        assert np.all((wrap(near) >= -180.0) & (wrap(near) < 180.0))


def test_directions_are_unit_vectors_and_come_back() -> None:
    lat, lon = np.meshgrid(np.linspace(-89.0, 89.0, 33), np.linspace(-180.0, 179.0, 41))
    vectors = unit_vectors(lat, lon)
    assert vectors.shape == (41, 33, 3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1.0, atol=1e-15)
    back = lat_lon(7.0 * vectors)
    np.testing.assert_allclose(back[0], lat, atol=1e-13)
    np.testing.assert_allclose(wrap(back[1] - lon), 0.0, atol=1e-12)


def test_the_axes_point_to_greenwich_to_90_east_and_to_the_north_pole() -> None:
    vectors = unit_vectors(np.array([0.0, 0.0, 90.0, -90.0]), np.array([0.0, 90.0, 12.0, 12.0]))
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]]
    np.testing.assert_allclose(vectors, expected, atol=1e-15)


@pytest.mark.parametrize(
    ("start", "end", "distance", "bearing"),
    [
        ((0.0, 0.0), (0.0, 1.0), RADIUS * np.pi / 180.0, 90.0),
        ((0.0, 0.0), (1.0, 0.0), RADIUS * np.pi / 180.0, 0.0),
        ((0.0, 179.5), (0.0, -179.5), RADIUS * np.pi / 180.0, 90.0),
        ((0.0, -179.5), (0.0, 179.5), RADIUS * np.pi / 180.0, 270.0),
        ((60.0, 0.0), (60.0, 180.0), RADIUS * np.pi / 3.0, 0.0),  # over the pole
        ((10.0, 20.0), (10.0, 20.0), 0.0, 0.0),
    ],
)
def test_a_way_has_the_length_and_bearing_of_its_great_circle(
    start: tuple[float, float], end: tuple[float, float], distance: float, bearing: float
) -> None:
    assert way(start, end) == pytest.approx((distance, bearing), abs=1e-6)
