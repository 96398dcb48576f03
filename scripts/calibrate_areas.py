"""Print how many of the members still to come land in the areas drawn from an ensemble.

    python scripts/calibrate_areas.py [--seeds 200] [--fresh 10000]

An ensemble is 21 members drawn from a shape, each with 21 landings: itself and 20 that launch variations put
within 4 % of the shape's spread.  An area that says 50 % should hold half of the fresh members drawn from the
same shape, on average over seeds.  Three methods are printed side by side:

    members      21 members of 21 landings, as HABSIM counts them
    independent  the same for 441 members of one landing each: what 441 true opinions would give
    usual        21 x 21 landings taken for 441 opinions: a kernel of Scott's width for 441, and the contour
                 that encloses the level of the density

For each, the mean share of fresh members inside, its standard deviation over seeds, and the median area over
the area of the smallest region that holds the level.  Last, the share of its own landings inside (members).
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
import shapely.geometry

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from habsim.arrays import Floats, Ints
from habsim.contour import islands
from habsim.grid import smooth
from habsim.landing import LEVELS, statistics
from habsim.plane import Plane

MEMBERS, FLIGHTS = 21, 21
VARIATION = 0.04  # of the shape's spread, how far launch variations reach
SCALE = 5_000.0  # m, the unit in which shapes are written
SITE = np.array([47.0]), np.array([-120.0]), np.array([1.0])  # lat, lon, weight: where the shapes lie


@dataclass(frozen=True, slots=True)
class Shape:
    """A distribution in the plane: `draw` gives points (n, 2), `density` its value at them (n,)."""

    name: str
    draw: Callable[[np.random.Generator, int], Floats]
    density: Callable[[Floats], Floats]

    def spread(self) -> float:
        """Return the root mean square distance from the mean."""
        points = self.draw(np.random.default_rng(0), 100_000)
        return float(np.sqrt(points.var(axis=0).sum()))

    def least_area(self, level: float) -> float:
        """Return the area of the smallest region that holds `level`: the mean of 1 / density over it."""
        density = self.density(self.draw(np.random.default_rng(0), 1_000_000))
        return float(np.mean((density >= np.quantile(density, 1.0 - level)) / density))


@dataclass(frozen=True, slots=True)
class Coverage:
    """What areas held, by (seed, level)."""

    fresh: Floats  # share of fresh members inside
    own: Floats  # share of the area's own landings inside
    area: Floats  # in the shape's unit, squared


Ensemble = tuple[Floats, Ints]  # landings (n, 2) in the shape's unit, the member of each (n,)


def clusters(shape: Shape, random: np.random.Generator) -> Ensemble:
    """Return 21 members of 21 landings."""
    centres = shape.draw(random, MEMBERS)
    angle = random.uniform(0.0, 2.0 * np.pi, (MEMBERS, FLIGHTS))
    distance = VARIATION * shape.spread() * np.sqrt(random.random((MEMBERS, FLIGHTS)))
    shift = np.stack([distance * np.cos(angle), distance * np.sin(angle)], -1)
    shift[:, 0] = 0.0
    return (centres[:, None] + shift).reshape(-1, 2), np.repeat(np.arange(MEMBERS), FLIGHTS)


def independent(shape: Shape, random: np.random.Generator) -> Ensemble:
    """Return 441 members of one landing."""
    return shape.draw(random, MEMBERS * FLIGHTS), np.arange(MEMBERS * FLIGHTS)


def areas(ensemble: Ensemble) -> list[shapely.Geometry]:
    """Return HABSIM's areas of `ensemble`, read back from their GeoJSON."""
    points, member = ensemble
    plane = Plane.about(*SITE)
    described = statistics(*plane.unproject(points * SCALE), np.zeros(len(member)), member)
    on_map = [shapely.geometry.shape(area.geometry) for area in described.areas]
    return list(shapely.transform(on_map, lambda lon_lat: plane.project(*lon_lat.T[::-1]) / SCALE))


def usual_areas(ensemble: Ensemble) -> list[shapely.Geometry]:
    """Return the highest-density regions of a kernel density that takes every landing for an opinion.

    Source of the width: Scott (1992), Multivariate density estimation, equation 6.42 for two dimensions.
    """
    points, _ = ensemble
    count = len(points)
    grid = smooth(points, np.full(count, 1.0 / count), np.cov(points.T) * count ** (-1 / 3))
    falling = np.sort(grid.values, axis=None)[::-1]
    enclosed = np.cumsum(falling) / falling.sum()
    thresholds = falling[np.searchsorted(enclosed, LEVELS)]
    return islands(grid, thresholds.tolist())


def coverage(
    shape: Shape,
    ensemble: Callable[[Shape, np.random.Generator], Ensemble],
    method: Callable[[Ensemble], list[shapely.Geometry]],
    seeds: int,
    fresh: int,
) -> Coverage:
    """Return what the areas that `method` draws hold of `fresh` members more, for seeds 0, 1, ..."""
    held, own, area = (np.empty((seeds, len(LEVELS))) for _ in range(3))
    for seed in range(seeds):
        drawn = ensemble(shape, np.random.default_rng([seed, 0]))
        further = shape.draw(np.random.default_rng([seed, 1]), fresh)
        for column, outline in enumerate(method(drawn)):
            shapely.prepare(outline)
            held[seed, column] = shapely.contains_xy(outline, further).mean()
            own[seed, column] = shapely.contains_xy(outline, drawn[0]).mean()
            area[seed, column] = outline.area
    return Coverage(held, own, area)


def _normal(x: Floats, sd: float = 1.0) -> Floats:
    return np.asarray(np.exp(-0.5 * (x / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi)))


def _crescent(random: np.random.Generator, count: int) -> Floats:
    angle, radius = random.uniform(-0.6 * np.pi, 0.6 * np.pi, count), random.normal(10.0, 1.0, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


def _crescent_density(points: Floats) -> Floats:
    radius, angle = np.hypot(points[:, 0], points[:, 1]), np.arctan2(points[:, 1], points[:, 0])
    density = _normal(radius - 10.0) / (1.2 * np.pi * radius)
    return np.asarray(np.where(np.abs(angle) <= 0.6 * np.pi, density, 0.0))


def _two_clusters(random: np.random.Generator, count: int) -> Floats:
    points = random.normal(size=(count, 2))
    points[:, 0] += random.choice([-6.0, 6.0], count)
    return points


SHAPES = (
    Shape(
        "Gaussian",
        lambda random, n: random.normal(size=(n, 2)),
        lambda p: _normal(p[:, 0]) * _normal(p[:, 1]),
    ),
    Shape(
        "15:1 elongated",
        lambda random, n: random.normal(size=(n, 2)) * [15.0, 1.0],
        lambda p: _normal(p[:, 0], 15.0) * _normal(p[:, 1]),
    ),
    Shape("crescent", _crescent, _crescent_density),
    Shape(
        "two clusters",
        _two_clusters,
        lambda p: (_normal(p[:, 0] - 6.0) + _normal(p[:, 0] + 6.0)) / 2.0 * _normal(p[:, 1]),
    ),
)


def _cell(found: Coverage, column: int, least: float) -> str:
    held = found.fresh[:, column]
    return f"{held.mean():8.1%} ({held.std() * 100:4.1f};{np.median(found.area[:, column]) / least:5.2f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Print how many members still to come land in the areas.")
    parser.add_argument("--seeds", type=int, default=200, help="ensembles of each kind (200)")
    parser.add_argument("--fresh", type=int, default=10_000, help="members more, for each (10000)")
    options = parser.parse_args()
    print(f"share of {options.fresh} fresh members (sd over {options.seeds} seeds, %; area / least area)\n")
    print(f"{'shape':<15}{'level':>6}{'members':>23}{'independent':>23}{'usual':>23}{'own':>7}")
    kinds = ((clusters, areas), (independent, areas), (clusters, usual_areas))
    for shape in SHAPES:
        found = [coverage(shape, *kind, options.seeds, options.fresh) for kind in kinds]
        for column, level in enumerate(LEVELS):
            least = shape.least_area(level)
            cells = "".join(f"{_cell(kind, column, least):>23}" for kind in found)
            print(f"{shape.name:<15}{level:>6.0%}{cells}{found[0].own[:, column].mean():>7.0%}")


if __name__ == "__main__":
    main()
