"""How fast members open and balloons fly, in one thread of this process."""

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np

from elev import Elevation
from habsim import kernel
from habsim.ensemble import Ensemble
from habsim.flight import FlightPlan
from habsim.points import paths
from habsim.stores import ELEVATION
from habsim.trajectory import fly
from scripts.bench_rows import Row, timed
from scripts.bench_store import CYCLE, files, forget
from windfile import WindFile

PERTURBATIONS = 20
PLAN = FlightPlan(CYCLE.time + 7 * 3600.0, 37.3553, -121.8763, 24.0, 30e3, 0.0, 5.0, 5.0)


def measure(folder: Path) -> list[Row]:
    """Return how long opening, flights and ensembles in the store `folder` take."""
    kernel.warm_up()
    members = files(folder)
    ground = Elevation.open(folder / ELEVATION)
    plan = PLAN.raised(float(ground.at(PLAN.lat, PLAN.lon)))
    ensemble = Ensemble(plan, len(members), PERTURBATIONS)
    count = len(members) * (1 + PERTURBATIONS)

    def ensembles(winds: list[WindFile]) -> None:
        flights = ensemble.flights(ground)
        for member, wind in enumerate(winds):
            fly(wind, ground, flights[member], plan.parachute)

    def drop() -> None:
        gc.collect()
        forget(folder)

    rows = [
        timed("open a member", lambda: WindFile.open(members[0]), count=10),
        timed(f"open {len(members)} members", lambda: [WindFile.open(each) for each in members]),
        timed(
            f"{count} flights, open files too, page cache cold",
            lambda: ensembles([WindFile.open(each) for each in members]),
            drop,
        ),
    ]
    winds = [WindFile.open(each) for each in members]
    ensembles(winds)
    flight = plan.columns()
    rows += [
        timed("one flight", lambda: fly(winds[0], ground, flight, plan.parachute), count=100),
        timed(
            "one flight and its path",
            lambda: paths([fly(winds[0], ground, flight, plan.parachute)]),
            count=100,
        ),
    ]
    if winds[0].layout.heights_type is not None:
        rows.append(timed(f"{count} flights, with heights", lambda: ensembles(winds)))
        winds = [_without_heights(each) for each in members]
        ensembles(winds)
    rows.append(timed(f"{count} flights, without heights", lambda: ensembles(winds)))
    return rows


def _without_heights(path: Path) -> WindFile:
    """Return the member at `path` as if it carried no heights."""
    layout = replace(WindFile.open(path).layout, heights_offset=None, heights_type=None)
    return WindFile(path.name, layout, np.memmap(path, np.uint8, "r"))
