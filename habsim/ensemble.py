"""Ensembles: one plan flown in every member, as it is and with small launch variations.

Draws are keyed by (member, perturbation) alone: a smaller count is a prefix, and a dragged launch or a later
hour meets the same variations.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from habsim import kernel
from habsim.arrays import Floats
from habsim.flight import ALTS, COASTS, LATS, RATES, FlightPlan, Ground

ENGINE = "2"  # of the answers: changes when the same question gets other or further numbers

# Half-widths of the variations, by kernel column.
_HALF_WIDTHS = {
    kernel.LAT: 0.001,
    kernel.LON: 0.001,
    kernel.ALT: 1.0,
    kernel.BURST: 10.0,
    kernel.COAST: 360.0,
    kernel.ASCENT: 0.1,
    kernel.DESCENT: 0.1,
}
_WORDS = 8  # 64-bit words a perturbation takes of its member's stream: two Philox blocks


@dataclass(frozen=True, slots=True)
class Ensemble:
    """`plan`, raised to the ground, in `members` members with `perturbations` launch variations each."""

    plan: FlightPlan
    members: int
    perturbations: int

    def flights(self, ground: Ground) -> Floats:
        """Return all flights, nominal first: kernel columns, (member, 1 + perturbation, column).

        Varied flights are centred on the nominal one; each is raised to its own ground.
        """
        flights = np.tile(self.plan.columns(), (self.members, 1 + self.perturbations, 1))
        varied = flights[:, 1:]
        varied[:, :, list(_HALF_WIDTHS)] += half_widths(self.plan) * draws(self.members, self.perturbations)
        under = ground.at(varied[:, :, kernel.LAT], varied[:, :, kernel.LON])
        varied[:, :, kernel.ALT] = np.maximum(varied[:, :, kernel.ALT], under)
        varied[:, :, kernel.BURST] = np.maximum(varied[:, :, kernel.BURST], varied[:, :, kernel.ALT])
        return flights

    def key(self, cycle: str, store: str) -> str:
        """Return the identity of the answer: 12 hex digits, the same on every worker and machine.

        `store` says which files: its address, and size and tag of its members.
        """
        plan = {name: value + 0.0 for name, value in asdict(self.plan).items()}  # makes -0.0 what it equals
        plan["lon"] = -180.0 if plan["lon"] == 180.0 else plan["lon"]
        question = [ENGINE, cycle, store, self.members, self.perturbations, plan]
        text = json.dumps(question, sort_keys=True, default=float)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def half_widths(plan: FlightPlan) -> Floats:
    """Return the half-widths of the variations of `plan`, in the order of the draws, shape (7,).

    A range that would cross a limit is narrowed on both sides, so that the cloud stays centred.
    """
    room = {
        kernel.LAT: min(plan.lat - LATS[0], LATS[1] - plan.lat),
        kernel.ALT: min(plan.alt - ALTS[0], ALTS[1] - plan.alt),
        kernel.BURST: min(plan.burst - plan.alt, np.nextafter(ALTS[1], 0.0) - plan.burst),
        kernel.COAST: min(plan.coast - COASTS[0], COASTS[1] - plan.coast),
        kernel.ASCENT: min(plan.ascent - RATES[0], RATES[1] - plan.ascent),
        kernel.DESCENT: min(plan.descent - RATES[0], RATES[1] - plan.descent),
    }
    return np.array([min(width, room.get(column, width)) for column, width in _HALF_WIDTHS.items()])


@lru_cache(maxsize=16)
def draws(members: int, count: int) -> Floats:
    """Return uniform draws in [-1, 1), shape (member, count, 7), equal to the bit everywhere; read-only.

    Philox 4x64-10 (Salmon et al., 2011) with the member as key; a perturbation takes the next eight words.
    """
    words = np.stack([np.random.Philox(key=member).random_raw(_WORDS * count) for member in range(members)])
    unit = (words.reshape(members, count, _WORDS) >> np.uint64(11)).astype(float) * 2.0**-53
    result = 2.0 * unit[:, :, : len(_HALF_WIDTHS)] - 1.0
    result.flags.writeable = False
    return np.asarray(result)
