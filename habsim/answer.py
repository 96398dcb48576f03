"""An ensemble's answer, made of the flights of its members."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from habsim import landing
from habsim.arrays import Floats
from habsim.errors import HabsimError, UnavailableError
from habsim.points import paths, rounded
from habsim.trajectory import Flown

_TOO_MANY_FAILED = 5  # members


def check_enough(failed: Mapping[int, HabsimError], members: int, cycle: str) -> None:
    """Raise `UnavailableError` if too many of the members cannot be used; `failed` says why, by member."""
    if len(failed) >= _TOO_MANY_FAILED or 2 * len(failed) > members:
        first = next(iter(failed.values()))
        raise UnavailableError(f"{len(failed)} of {members} members of cycle {cycle} cannot be used: {first}")


def compose(
    members: Sequence[Flown | None], identity: str, cycle: str, demo: bool, partial: bool
) -> tuple[dict[str, Any], bytes]:
    """Return the answer to an ensemble, and the picture (PNG) of its density.

    `members` are the flights of each member, None where there are none; at least one has some.
    """
    landed = [(member, flown) for member, flown in enumerate(members) if flown is not None]
    drawn = map(_joined, paths([flown for _, flown in landed]))
    joined = [(None, None) if flown is None else next(drawn) for flown in members]
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
        "heatmap_data": _heatmap(numbers, lat, lon),
        "request_id": identity,
        "gefs": cycle,
        "demo": demo,
        "failed_models": [member for member, flown in enumerate(members) if flown is None],
        "partial": partial,
        "landing": summary,
    }
    return answer, picture


def _joined(phases: Sequence[Floats]) -> tuple[Floats, list[int]]:
    """Return the phases of a flight as one path, and the indices where its coast and descent start."""
    parts = [phase for phase in phases if len(phase)]
    points = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
    ascent, coast, _ = map(len, phases)
    coast_start = max(ascent - 1, 0)
    return rounded(points), [coast_start, coast_start + max(coast - 1, 0)]


def _heatmap(numbers: NDArray[np.intp], lat: Floats, lon: Floats) -> list[list[Any]]:
    """Return every landing with its label: nominal flights first, then the varied ones by member.

    `numbers` are the members of the landings, each member's nominal one first.
    """
    places = rounded(np.stack([lat, lon, 0.0 * lat, 0.0 * lat], -1))[:, :2].tolist()
    nominal, varied = [], []
    before = -1
    for member, place in zip(numbers.tolist(), places, strict=True):
        if member != before:
            before, draw = member, 0
            nominal.append([*place, f"model_{member}"])
        else:
            varied.append([*place, f"mc_{member}_{draw}"])
            draw += 1
    return nominal + varied
