"""How far the compiled integrator lands from the exact one, over ridges, in rough winds of 1 degree."""

import math
import tempfile
from pathlib import Path

import numpy as np

from elev import Elevation
from habsim import member
from habsim.flight import FlightPlan
from habsim.trajectory import fly
from scripts.bench_rows import Row
from tests import exact, winds
from windfile import WindFile

LAUNCHES = 50


def measure() -> list[Row]:
    """Return the distances (m) and delays (s) between both integrators' landings."""
    grid = winds.Grid(181, 361, 4)
    cells = winds.terrain(1800, 3600)
    cells.flags.writeable = False
    data, heights, levels = winds.rough(grid), winds.heights(grid), np.array(grid.levels_hpa)
    rows = []
    for name, placed in (("standard levels", None), ("heights", heights)):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "member.npz"
            with file.open("wb") as stream:
                member.write(stream, data, levels, winds.START, winds.INTERVAL, placed)
            field = exact.Field(data, levels, winds.START, winds.INTERVAL, placed)
            errors = np.array(_errors(WindFile.open(file), field, Elevation(cells, "made up")))
        for error, unit in zip(errors.T, ("m", "s"), strict=True):
            worst = f"worst {error.max():.3g} {unit}"
            rows.append(Row(f"error of {len(error)} landings, {name}", float(np.median(error)), unit, worst))
    return rows


def _errors(wind: WindFile, field: exact.Field, ground: Elevation) -> list[tuple[float, float]]:
    """Return the errors (m, s) of random launches everywhere, with and without a float and a parachute."""
    random = np.random.default_rng(11)
    terrain = exact.ground(ground.cells)
    errors = []
    for number in range(LAUNCHES):
        lat = math.degrees(math.asin(random.uniform(-1.0, 1.0)))
        lon = random.uniform(-180.0, 180.0)
        plan = FlightPlan(
            time=winds.START + random.uniform(0.0, 20_000.0),
            lat=lat,
            lon=lon,
            alt=float(ground.at(lat, lon)),
            burst=random.uniform(15e3, 40e3),
            coast=(0.0, 3600.0)[number % 2],
            ascent=random.uniform(3.0, 7.0),
            descent=random.uniform(4.0, 9.0),
            parachute=number % 3 == 0,
        )
        flown = fly(wind, ground, plan.columns(), plan.parachute)
        asked = exact.Plan(
            plan.time, plan.lat, plan.lon, plan.alt, plan.burst, plan.coast, plan.ascent, plan.descent,
            plan.coeff, plan.parachute,
        )  # fmt: skip
        landing = exact.fly(field, asked, terrain).landing
        errors.append(
            (
                _metres(landing.lat, landing.lon, float(flown.lat[0]), float(flown.lon[0])),
                abs(landing.time - float(flown.time[0])),
            )
        )
    return errors


def _metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return the distance (m) at sea level between two positions."""
    a, b, c, d = np.radians([lat, lon, other_lat, other_lon])
    half = math.sin((a - c) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((b - d) / 2) ** 2
    return 2.0 * exact.RADIUS * math.asin(math.sqrt(half))
