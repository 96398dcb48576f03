"""An ensemble's answer, made of the flights of its members."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from habsim import landing
from habsim.arrays import Floats
from habsim.trajectory import Flown, path, rounded


def compose(
    members: Sequence[Flown | None], identity: str, cycle: str, demo: bool, partial: bool
) -> tuple[dict[str, Any], bytes]:
    """Return the answer to an ensemble, and the picture (PNG) of its density.

    `members` are the flights of each member, None where there are none; at least one has some.
    """
    joined = [(None, None) if flown is None else _joined(flown) for flown in members]
    landed = [(member, flown) for member, flown in enumerate(members) if flown is not None]
    numbers = np.concatenate([np.full(len(flown.lat), member) for member, flown in landed])
    lat, lon, times = (
        np.concatenate([getattr(flown, name) for _, flown in landed]) for name in ("lat", "lon", "time")
    )
    statistics = landing.statistics(lat, lon, times, numbers)
    picture = landing.png(statistics.density)
    summary = statistics.as_json()
    summary["density"]["image"] = f"/sim/density?request_id={identity}"
    answer = {
        "paths": [points for points, _ in joined],
        "phases": [starts for _, starts in joined],
        "heatmap_data": _heatmap(landed),
        "request_id": identity,
        "gefs": cycle,
        "demo": demo,
        "failed_models": [member for member, flown in enumerate(members) if flown is None],
        "partial": partial,
        "landing": summary,
    }
    return answer, picture


def _joined(flown: Flown) -> tuple[Floats, list[int]]:
    """Return the nominal flight's phases as one path, and the indices where coast and descent start."""
    ascent, coast, descent = path(flown)
    parts = [part for part in (ascent, coast, descent) if len(part)]
    points = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
    coast_start = max(len(ascent) - 1, 0)
    return rounded(points), [coast_start, coast_start + max(len(coast) - 1, 0)]


def _heatmap(landed: list[tuple[int, Flown]]) -> list[list[Any]]:
    """Return every landing with its label: nominal flights first, then the varied ones by member."""
    nominal, varied = [], []
    for member, flown in landed:
        places = rounded(np.stack([flown.lat, flown.lon, flown.alt, flown.time], -1))[:, :2].tolist()
        nominal.append([*places[0], f"model_{member}"])
        varied += [[*place, f"mc_{member}_{number}"] for number, place in enumerate(places[1:])]
    return nominal + varied
