"""An ensemble's answer, made of the flights of its members."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from habsim import landing, water
from habsim.arrays import Floats
from habsim.earth import way
from habsim.errors import HabsimError, UnavailableError
from habsim.flight import FlightPlan, Ground
from habsim.points import ALT, LAT, LON, TIME, paths, rounded
from habsim.trajectory import Flown

_TOO_MANY_FAILED = 5  # members


def check_enough(failed: Mapping[int, HabsimError], members: int, cycle: str) -> None:
    """Raise `UnavailableError` if too many of the members cannot be used; `failed` says why, by member."""
    if len(failed) >= _TOO_MANY_FAILED or 2 * len(failed) > members:
        first = next(iter(failed.values()))
        raise UnavailableError(f"{len(failed)} of {members} members of cycle {cycle} cannot be used: {first}")


def compose(
    members: Sequence[Flown | None],
    plan: FlightPlan,
    ground: Ground,
    identity: str,
    cycle: str,
    demo: bool,
    partial: bool,
) -> tuple[dict[str, Any], bytes]:
    """Return the answer to an ensemble of `plan` above `ground`, and the picture (PNG) of its density.

    `members` are the flights of each member, None where there are none; at least one has some.
    """
    landed = [(member, flown) for member, flown in enumerate(members) if flown is not None]
    drawn = map(_joined, paths([flown for _, flown in landed]))
    joined = [(None, None) if flown is None else next(drawn) for flown in members]
    numbers = np.concatenate([np.full(len(flown.lat), member) for member, flown in landed])
    lat, lon, alt, times = (
        np.concatenate([getattr(flown, name) for _, flown in landed])
        for name in ("lat", "lon", "alt", "time")
    )
    places, ends = _landings(numbers, lat, lon, alt, times)
    statistics = landing.statistics(lat, lon, times, numbers)
    picture = landing.png(statistics.density)
    summary = statistics.as_json()
    summary["density"]["image"] = f"/sim/density?request_id={identity}"
    summary["water"] = _water(lat, lon, numbers)
    summary["elevation_m"] = round(float(ground.at(*statistics.likely)), 1)
    distance, bearing = way((plan.lat, plan.lon), statistics.likely)
    summary["from_launch"] = {"distance_m": round(distance, 1), "bearing_deg": round(bearing, 1) % 360.0}
    answer = {
        "paths": [points for points, _ in joined],
        "phases": [starts for _, starts in joined],
        "heatmap_data": places,
        "landings": ends,
        "request_id": identity,
        "gefs": cycle,
        "demo": demo,
        "failed_models": [member for member, flown in enumerate(members) if flown is None],
        "partial": partial,
        "landing": summary,
    }
    return answer, picture


def _water(lat: Floats, lon: Floats, numbers: NDArray[np.intp]) -> dict[str, Any]:
    """Return the share of landings in water, each member weighing the same, and the members that have any."""
    wet = water.wet(lat, lon)
    members = [wet[numbers == number] for number in np.unique(numbers)]
    return {
        "share": round(float(np.mean([np.mean(each) for each in members])), 4),
        "members": int(sum(np.any(each) for each in members)),
        "of": len(members),
        "covers": water.COVERS,
    }


def _joined(phases: Sequence[Floats]) -> tuple[Floats, list[int]]:
    """Return the phases of a flight as one path, and the indices where its coast and descent start."""
    parts = [phase for phase in phases if len(phase)]
    points = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
    ascent, coast, _ = map(len, phases)
    coast_start = max(ascent - 1, 0)
    return rounded(points), [coast_start, coast_start + max(coast - 1, 0)]


def _landings(
    numbers: NDArray[np.intp], lat: Floats, lon: Floats, alt: Floats, time: Floats
) -> tuple[list[list[Any]], list[list[float]]]:
    """Return [lat, lon, label] and [alt, time] of every landing: nominal flights first, then the varied ones.

    `numbers` are the members of the landings, in order, each member's nominal one first.
    """
    begins = np.flatnonzero(np.diff(numbers, prepend=-1))
    draws = np.arange(len(numbers)) - np.repeat(begins, np.diff([*begins, len(numbers)])) - 1
    order = np.argsort(draws >= 0, kind="stable")
    points = rounded(np.stack([lat, lon, alt, time], -1))[order].tolist()
    labels = [
        f"model_{member}" if draw < 0 else f"mc_{member}_{draw}"
        for member, draw in zip(numbers[order].tolist(), draws[order].tolist(), strict=True)
    ]
    places = [[point[LAT], point[LON], label] for point, label in zip(points, labels, strict=True)]
    return places, [[point[ALT], point[TIME]] for point in points]
