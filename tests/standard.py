"""The standard atmosphere restated, for whatever judges HABSIM: it shares nothing with `habsim.atmosphere`.

Source: U.S. Standard Atmosphere, 1976.  Heights are geopotential metres.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

GRAVITY = 9.80665  # m/s2
GAS_CONSTANT = 287.05287  # J/(kg K), dry air
SEA_LEVEL_DENSITY = 1.225  # kg/m3


class Layer(NamedTuple):
    """A layer of the standard atmosphere, formulas from its base up; the lowest goes on below the sea."""

    bottom: float  # m, the base or, of the lowest layer, minus infinity
    top: float  # m
    base: float  # m
    temperature: float  # K, at the base
    pressure: float  # Pa, at the base
    lapse: float  # K/m

    def pressure_at(self, height: float) -> float:
        """Return the pressure (Pa) at `height` (m)."""
        if self.lapse == 0.0:
            scale = GAS_CONSTANT * self.temperature / GRAVITY
            return self.pressure * math.exp((self.base - height) / scale)
        warmth = 1.0 + self.lapse * (height - self.base) / self.temperature
        return self.pressure * math.pow(warmth, -GRAVITY / (GAS_CONSTANT * self.lapse))

    def density_at(self, height: float) -> float:
        """Return the density (kg/m3) at `height` (m)."""
        temperature = self.temperature + self.lapse * (height - self.base)
        return self.pressure_at(height) / (GAS_CONSTANT * temperature)

    def height_of(self, pressure: float) -> float:
        """Return the height (m) where the pressure is `pressure` (Pa)."""
        if self.lapse == 0.0:
            return self.base + GAS_CONSTANT * self.temperature / GRAVITY * math.log(self.pressure / pressure)
        warmth = math.pow(self.pressure / pressure, GAS_CONSTANT * self.lapse / GRAVITY)
        return self.base + self.temperature / self.lapse * (warmth - 1.0)


def _layers() -> tuple[Layer, ...]:
    """Return the layers of the standard atmosphere.  Source: table 4, with pressures carried upward."""
    tops = [11e3, 20e3, 32e3, 47e3, 51e3, 71e3, 84_852.0]
    lapses = [-6.5e-3, 0.0, 1e-3, 2.8e-3, 0.0, -2.8e-3, -2e-3]
    bottom, base, temperature, pressure = -math.inf, 0.0, 288.15, 101_325.0
    layers: list[Layer] = []
    for top, lapse in zip(tops, lapses, strict=True):
        layers.append(Layer(bottom, top, base, temperature, pressure, lapse))
        pressure = layers[-1].pressure_at(top)
        temperature += lapse * (top - base)
        bottom = base = top
    return tuple(layers)


LAYERS = _layers()


def standard_heights(levels_hpa: ArrayLike) -> NDArray[np.float64]:
    """Return the standard atmosphere's heights (m) of pressures (hPa), shape (level,)."""
    heights = []
    for pressure in 100.0 * np.asarray(levels_hpa, float):
        layer = next(layer for layer in LAYERS if layer.pressure_at(layer.top) < pressure)
        heights.append(layer.height_of(float(pressure)))
    return np.array(heights)


def layer_at(height: float) -> Layer:
    """Return the layer of the standard atmosphere at `height` (m)."""
    return next(layer for layer in LAYERS if height < layer.top)
