"""What flights miss of files that are only partly here, and fetching it.

The kernel stops a flight at what is missing and marks it; then it is fetched, with what will be missed next,
and the flights are flown again, which takes less time than to remember where they stopped.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from habsim import kernel, window
from habsim.arrays import Floats, Ints
from habsim.field import Field
from habsim.touchdown import Terrain


class Partly(Protocol):
    """A file of which pieces may be missing: columns of winds, or rows of ground."""

    def fetch(self, numbers: Ints) -> None:
        """Return once the pieces `numbers` are here."""


class Marks:
    """The winds and the ground of one call of the kernel, with room to mark what is missed.

    Where both are whole, `field` and `terrain` are what they were.
    """

    def __init__(self, field: Field, terrain: Terrain) -> None:
        self.field, self.terrain = field, terrain
        self._turn = 0
        self._before: Floats | None = None  # (flight, 2): lat and lon of the launch, or of the last miss
        if field.present:
            self._columns = np.zeros(field.rows * field.columns, np.uint8)
            self.field = field._replace(wanted=self._columns.ctypes.data)
        if terrain.present:
            self._rows = np.zeros(terrain.rows + 1, np.uint8)
            self.terrain = terrain._replace(wanted=self._rows.ctypes.data)

    def fetch(
        self,
        winds: Partly | None,
        ground: Partly | None,
        flights: Floats,
        landings: Floats,
        statuses: NDArray[np.int8],
    ) -> None:
        """Fetch what was missed by `flights`, arrays as of the kernel."""
        missed = statuses == kernel.MISSED
        if winds is not None and self._columns.any():
            if self._before is None:
                self._before = flights[:, [kernel.LAT, kernel.LON]].copy()
            before, stops = self._before[missed], landings[missed][:, [1, 2]]
            winds.fetch(window.columns(self.field, before, stops, self._columns, self._turn))
            self._before[missed] = stops
            self._columns[:] = 0
        if ground is not None and self._rows[:-1].any():
            row_bytes = 2 * self.terrain.columns
            ground.fetch(window.ground_rows(self._rows[:-1], row_bytes, self._turn))
            self._rows[:] = 0
        self._turn += 1
