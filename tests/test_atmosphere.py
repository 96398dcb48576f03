"""The standard atmosphere against the published tables, and its functions against one another."""

import numpy as np
import pytest

from habsim import atmosphere
from tests.standard import standard_heights

# Geopotential height (m), temperature (K), pressure (hPa), density (kg/m3).
# Source: U.S. Standard Atmosphere, 1976, table I; density and pressure to five figures.
TABLE = [
    (-1000.0, 294.65, 1139.3, 1.3470),
    (0.0, 288.15, 1013.25, 1.2250),
    (5000.0, 255.65, 540.20, 0.73612),
    (11e3, 216.65, 226.32, 0.36392),
    (15e3, 216.65, 120.45, 0.19367),
    (20e3, 216.65, 54.749, 0.088035),
    (32e3, 228.65, 8.6802, 0.013225),
    (47e3, 270.65, 1.1091, 0.0014275),
    (51e3, 270.65, 0.66939, 0.00086160),
    (71e3, 214.65, 0.039564, 0.000064211),
]
HEIGHTS = np.array([row[0] for row in TABLE])
FIVE_FIGURES = 5e-5  # half a unit of the last figure is at most that of a number


@pytest.mark.parametrize(("height", "temperature", "pressure", "density"), TABLE)
def test_the_published_values_are_met(
    height: float, temperature: float, pressure: float, density: float
) -> None:
    assert float(atmosphere.temperature(height)) == pytest.approx(temperature, abs=0.005)
    assert float(atmosphere.pressure_hpa(height)) == pytest.approx(pressure, rel=FIVE_FIGURES)
    assert float(atmosphere.density(height)) == pytest.approx(density, rel=FIVE_FIGURES)
    # A scale height is at most 8.7 km there: 5e-5 of the pressure is 0.44 m.
    assert float(atmosphere.height(pressure)) == pytest.approx(height, abs=0.44)


def test_height_and_pressure_are_inverse_in_every_layer_and_at_the_seams() -> None:
    heights = np.concatenate([np.linspace(-2e3, atmosphere.TOP, 1001), atmosphere.BASES])
    # 1e-9 of the pressure is 10 micrometres.
    np.testing.assert_allclose(atmosphere.height(atmosphere.pressure_hpa(heights)), heights, atol=1e-5)


def test_the_levels_of_member_files_lie_where_another_implementation_puts_them() -> None:
    levels = [1, 2, 3, 5, 7, 20, 30, 70, 150, 350, 450, 550, 600, 650, 750, 800, 900, 950, 975, 1000, 1050]
    np.testing.assert_allclose(atmosphere.height(levels), standard_heights(levels), atol=1e-6)


def test_pressure_falls_and_height_rises_without_a_jump() -> None:
    heights = np.linspace(-2e3, atmosphere.TOP, 8001)
    for values in (atmosphere.pressure_hpa(heights), atmosphere.density(heights)):
        assert np.all(np.diff(values) < 0.0)
        assert np.all(np.abs(np.diff(np.log(values))) < 11.0 / 5000.0)  # scale heights are above 5 km


def test_the_air_is_in_hydrostatic_balance() -> None:
    """dp/dh = -density g, with the pressure's central difference over 2 m: a part in 1e8."""
    heights = np.setdiff1d(np.linspace(100.0, 84e3, 500), atmosphere.BASES)
    slope = 50.0 * (atmosphere.pressure_hpa(heights + 1.0) - atmosphere.pressure_hpa(heights - 1.0))
    np.testing.assert_allclose(slope, -atmosphere.GRAVITY * atmosphere.density(heights), rtol=1e-6)


def test_shapes_are_kept() -> None:
    for function in (
        atmosphere.temperature,
        atmosphere.pressure_hpa,
        atmosphere.density,
    ):
        assert function(5.0).shape == ()
        assert function(np.zeros((2, 3))).shape == (2, 3)
    assert atmosphere.height(500.0).shape == ()
    assert atmosphere.height(np.full((2, 3), 500.0)).shape == (2, 3)


def test_a_pressure_above_the_top_is_refused() -> None:
    assert float(atmosphere.height(0.0038)) < atmosphere.TOP
    with pytest.raises(ValueError, match=r"0\.003 hPa lies above 84852 m"):
        atmosphere.height([500.0, 0.003])
