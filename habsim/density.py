"""The density of landings, where the unit is the ensemble member and not the flight.

The flights of one member share its winds and land side by side: they are one opinion, said many times.
So every member weighs the same, and both the width of the kernel and the thresholds of the areas come from
leaving members out.  What is asked of each landing is how dense the *other* members find the place.

* Kernel: a Gaussian at each landing, its covariance a multiple of the scatter between neighbouring members;
  the multiple is the one that makes the left-out landings likeliest (likelihood cross-validation; Silverman
  1986, Density estimation, section 3.4.4).  Neighbours, so that two islands, or a crescent, do not get a
  kernel as wide as the gap between its ends.
* Threshold: the quantile of the left-out densities, of M members the k-th lowest at k / (M + 1), so that one
  more member would land inside with the chance asked for, whatever the shape (Vovk, Gammerman and Shafer
  2005, Algorithmic learning in a random world, section 2.2).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from habsim.arrays import Floats, Ints
from habsim.grid import Grid, smooth

FLOOR = 50.0  # m, least standard deviation of the kernel: landings at one point still have an area
FINEST = 100.0  # the kernel's standard deviation is at least the landings' extent over this: about a cell
WIDEST = 4.0  # largest multiple of the scatter tried; each further one is half of the one before
HALVINGS = 8
COMPARED = 640  # landings left out in turn, at most; beyond, every member gives its first few


@dataclass(frozen=True, slots=True)
class MemberDensity:
    """The density of landings, and the share of further members that land where it is less than a value."""

    grid: Grid
    left_out: Floats  # the values, ascending, per m2
    ranks: Floats  # the share of each, ascending from 0 to 1

    def threshold(self, level: float) -> float:
        """Return the density (per m2) above which share `level` of further members is expected to land.

        It stays clear of the peak, so that landings at one point have an area, and above the density at the
        grid's edge, so that contours close.
        """
        wanted = float(np.interp(1.0 - level, self.ranks, self.left_out))
        return max(min(wanted, self.grid.peak * (1.0 - level / 4.0)), self.grid.edge)


def weights_of(member: Ints) -> Floats:
    """Return each landing's weight, shape (n,), sum 1: every member weighs the same."""
    _, index, counts = np.unique(member, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (len(counts) * counts[index]))


def member_density(points: Floats, member: Ints) -> MemberDensity:
    """Return the density of landings at `points` (m), shape (n, 2), by the members of shape (n,).

    With a single member its landings are the units: the spread is then that of the launch only.  A lone
    landing gets a round area from the kernel's floor.
    """
    weights = weights_of(member)
    _, unit = np.unique(member, return_inverse=True)
    if unit.max() == 0:
        unit = np.arange(len(member))
    floor = np.maximum(FLOOR, np.ptp(points, axis=0) / FINEST)
    scatter = _scatter(points, unit, weights, np.diag(floor**2))
    narrowest = 1.0 / float(np.linalg.eigvalsh(scatter / np.outer(floor, floor))[0])
    if len(points) == 1:
        multiple, left_out, ranks = 1.0, np.empty(0), np.empty(0)
    else:
        multiple, left_out, ranks = _leave_out(points, unit, scatter, narrowest)
    grid = smooth(points, weights, multiple * scatter)
    return MemberDensity(
        grid=grid,
        ranks=np.concatenate([[0.0], ranks, [1.0]]),
        left_out=np.concatenate([[0.0], np.minimum(left_out, grid.peak), [grid.peak]]),
    )


def _scatter(points: Floats, unit: Ints, weights: Floats, floor: Floats) -> Floats:
    """Return the covariance (m2) between neighbouring units, plus `floor`, plus that of flights within units.

    Each of n units is compared with its round(sqrt(n)) nearest, where near is measured by the covariance of
    all, then once more by that of neighbours.  A few units cannot tell a line from a disc: the result is
    mixed with a round one, of weight 2^(1 - n).
    """
    share = np.bincount(unit, weights)
    centres = np.stack([np.bincount(unit, weights * points[:, axis]) / share for axis in (0, 1)], -1)
    within = points - centres[unit]
    inner = within.T @ (within * weights[:, None])
    count = len(centres)
    if count == 1:
        return np.asarray(inner + floor)
    near = min(round(np.sqrt(count)), count - 1)
    apart = centres[:, None] - centres
    spread = centres - centres.mean(0)
    scatter = _rounded(spread.T @ spread / count, count) + floor
    for _ in range(2):
        white = apart @ np.linalg.cholesky(np.linalg.inv(scatter))
        distance = np.sum(white * white, -1)
        np.fill_diagonal(distance, np.inf)
        nearest = np.argpartition(distance, near - 1, axis=1)[:, :near]
        steps = np.take_along_axis(apart, nearest[..., None], axis=1).reshape(-1, 2)
        scatter = _rounded(steps.T @ steps / len(steps), count) + floor
    return np.asarray(scatter + inner)


def _rounded(covariance: Floats, count: int) -> Floats:
    """Return `covariance` of `count` units mixed with a round one of the same trace."""
    mixed = 2.0 ** (1 - count)
    return np.asarray((1.0 - mixed) * covariance + mixed * np.trace(covariance) / 2.0 * np.eye(2))


def _leave_out(points: Floats, unit: Ints, scatter: Floats, narrowest: float) -> tuple[float, Floats, Floats]:
    """Return the best multiple of `scatter`, the left-out densities (per m2) ascending, and their ranks.

    A left-out density is the one that all other units give a landing's place.
    """
    few = _first_of_each(unit, COMPARED)
    points, unit = points[few], unit[few]
    count, weights = int(unit.max()) + 1, weights_of(unit)
    kernel = _between_units(points @ np.linalg.cholesky(np.linalg.inv(scatter)), unit)
    scale = count / (count - 1) / (2.0 * np.pi * np.sqrt(np.linalg.det(scatter)))
    best, multiple, left_out = -np.inf, WIDEST, np.empty(0)
    for tried in WIDEST * 0.5 ** np.arange(HALVINGS):
        if tried < narrowest:
            break
        density = (kernel @ weights.astype(np.float32)).astype(float) * (scale / tried)
        likelihood = float(weights @ np.log(np.maximum(density, np.finfo(float).tiny)))
        if likelihood > best:
            best, multiple, left_out = likelihood, float(tried), density
        kernel *= kernel  # half the covariance squares a Gaussian: one exponential serves every multiple
    order = np.argsort(left_out)
    middle = np.cumsum(weights[order]) - weights[order] / 2.0
    return multiple, left_out[order], (count * middle + 0.5) / (count + 1)


def _between_units(points: Floats, unit: Ints) -> NDArray[np.float32]:
    """Return the Gaussian of variance `WIDEST` between all pairs of `points`, 0 within a unit; peak 1."""
    x, y = points.astype(np.float32).T
    pairs: NDArray[np.float32] = np.subtract.outer(x, x)
    across = np.subtract.outer(y, y)
    pairs *= pairs
    across *= across
    pairs += across
    pairs *= np.float32(-0.5 / WIDEST)
    np.exp(pairs, out=pairs)
    pairs[unit[:, None] == unit] = 0.0
    return pairs


def _first_of_each(unit: Ints, most: int) -> Ints:
    """Return the indices of about `most` landings: the first few of every unit."""
    order = np.argsort(unit, kind="stable")
    starts = np.searchsorted(unit[order], unit[order])
    return np.asarray(order[np.arange(len(unit)) - starts < max(1, most // (int(unit.max()) + 1))])
