"""The standard atmosphere: pressure, density and geopotential height.

Source: U.S. Standard Atmosphere, 1976 (identical to ISA below 32 km), layers to 84 852 m.  Heights are
geopotential metres.  Below the sea the lowest layer is continued.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from habsim.arrays import Floats

GRAVITY = 9.80665  # m/s2
GAS_CONSTANT = 287.05287  # J/(kg K), dry air
SEA_LEVEL_HPA = 1013.25
SEA_LEVEL_TEMPERATURE = 288.15  # K
SEA_LEVEL_DENSITY = 1.225  # kg/m3
BASES = np.array([0.0, 11e3, 20e3, 32e3, 47e3, 51e3, 71e3])  # m, where each layer starts
LAPSES = np.array([-6.5, 0.0, 1.0, 2.8, 0.0, -2.8, -2.0]) * 1e-3  # K/m
TOP = 84_852.0  # m


def _base_values() -> tuple[Floats, Floats]:
    """Return temperature (K) and pressure (hPa) at each layer's base."""
    temperatures, pressures = [SEA_LEVEL_TEMPERATURE], [SEA_LEVEL_HPA]
    for base, top, lapse in zip(BASES[:-1], BASES[1:], LAPSES[:-1], strict=True):
        cold, thick = temperatures[-1], top - base
        above = cold + lapse * thick
        if lapse == 0.0:
            ratio = math.exp(-GRAVITY * thick / (GAS_CONSTANT * cold))
        else:
            ratio = (cold / above) ** (GRAVITY / (GAS_CONSTANT * lapse))
        temperatures.append(above)
        pressures.append(pressures[-1] * ratio)
    return np.array(temperatures), np.array(pressures)


BASE_TEMPERATURES, BASE_PRESSURES_HPA = _base_values()


def height(pressure_hpa: ArrayLike) -> Floats:
    """Return the geopotential height (m) of `pressure_hpa`; same shape.

    Raises `ValueError` above 84 852 m (0.0037 hPa).
    """
    p = np.asarray(pressure_hpa, float)
    layer = np.maximum(np.searchsorted(-BASE_PRESSURES_HPA, -p, side="right") - 1, 0)
    lapse, warm, ratio = LAPSES[layer], BASE_TEMPERATURES[layer], p / BASE_PRESSURES_HPA[layer]
    slope = np.where(lapse == 0.0, 1.0, lapse)
    isothermal = -GAS_CONSTANT * warm / GRAVITY * np.log(ratio)
    graded = warm / slope * (ratio ** (-GAS_CONSTANT * slope / GRAVITY) - 1.0)
    result = BASES[layer] + np.where(lapse == 0.0, isothermal, graded)
    if np.any(result > TOP):
        raise ValueError(f"{p.min()} hPa lies above {TOP:.0f} m, the top of the standard atmosphere")
    return np.asarray(result)


def temperature(geopotential: ArrayLike) -> Floats:
    """Return the temperature (K) at geopotential height (m); same shape."""
    h = np.asarray(geopotential, float)
    layer = np.clip(np.searchsorted(BASES, h, side="right") - 1, 0, None)
    return np.asarray(BASE_TEMPERATURES[layer] + LAPSES[layer] * (h - BASES[layer]))


def pressure_hpa(geopotential: ArrayLike) -> Floats:
    """Return the pressure (hPa) at geopotential height (m) up to 84 852 m; same shape."""
    h = np.asarray(geopotential, float)
    layer = np.clip(np.searchsorted(BASES, h, side="right") - 1, 0, None)
    lapse, warm = LAPSES[layer], BASE_TEMPERATURES[layer]
    slope = np.where(lapse == 0.0, 1.0, lapse)
    isothermal = np.exp(-GRAVITY * (h - BASES[layer]) / (GAS_CONSTANT * warm))
    graded = (temperature(h) / warm) ** (-GRAVITY / (GAS_CONSTANT * slope))
    return np.asarray(BASE_PRESSURES_HPA[layer] * np.where(lapse == 0.0, isothermal, graded))


def density(geopotential: ArrayLike) -> Floats:
    """Return the density (kg/m3) at geopotential height (m) up to 84 852 m; same shape."""
    return pressure_hpa(geopotential) * 100.0 / (GAS_CONSTANT * temperature(geopotential))
