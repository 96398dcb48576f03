"""A density known on a grid: made by smoothing points, read at places, at its peak, between its nodes."""

from dataclasses import dataclass

import numpy as np

from habsim.arrays import Floats

CELLS = 128  # along each side
MARGIN = 4.0  # standard deviations of the kernel, between the outermost point and the grid's edge


@dataclass(frozen=True, slots=True)
class Grid:
    """A density over the plane, known at the nodes `origin` + (column, row) x `step` (m)."""

    origin: Floats  # (2,)
    step: Floats  # (2,)
    values: Floats  # (row, column), per m2

    @property
    def peak(self) -> float:
        """The greatest value."""
        return float(self.values.max())

    @property
    def edge(self) -> float:
        """The greatest value on the grid's edge."""
        return float(max(self.values[[0, -1]].max(), self.values[:, [0, -1]].max()))

    def place(self, index: Floats) -> Floats:
        """Return the points (m) at (column, row) `index`, shape S + (2,)."""
        return np.asarray(self.origin + index * self.step)

    def mode(self) -> Floats:
        """Return the densest point (m), shape (2,): the top of a parabola through the densest node."""
        row, column = np.unravel_index(int(self.values.argmax()), self.values.shape)
        top = np.array([_summit(self.values[row], int(column)), _summit(self.values[:, column], int(row))])
        return self.place(top)

    def at(self, points: Floats) -> Floats:
        """Return the density (per m2) at `points` (m), shape S + (2,), linear between nodes, 0 outside."""
        rows, columns = self.values.shape
        x, y = ((points[..., axis] - self.origin[axis]) / self.step[axis] for axis in (0, 1))
        on = (x >= 0) & (x < columns - 1) & (y >= 0) & (y < rows - 1)
        column, row = np.where(on, x, 0.0).astype(np.int64), np.where(on, y, 0.0).astype(np.int64)
        x, y = x - column, y - row
        flat, corner = self.values.ravel(), row * columns + column
        below = flat[corner] * (1.0 - x) + flat[corner + 1] * x
        above = flat[corner + columns] * (1.0 - x) + flat[corner + columns + 1] * x
        return np.asarray(np.where(on, below * (1.0 - y) + above * y, 0.0))


def smooth(points: Floats, weights: Floats, covariance: Floats) -> Grid:
    """Return the sum of Gaussians of `covariance` (m2) at the weighted points.

    The points are shared among the four nodes about them, then convolved by Fourier transform: Silverman
    (1982), Applied Statistics 31, AS 176.  The margin keeps the transform's periodic images apart.
    """
    margin = MARGIN * np.sqrt(np.diag(covariance))
    origin = points.min(0) - margin
    step = (points.max(0) + margin - origin) / CELLS
    node = ((points - origin) / step).astype(np.int64)
    x, y = ((points - origin) / step - node).T
    corner = node[:, 1] * CELLS + node[:, 0]
    corners = np.concatenate([corner, corner + 1, corner + CELLS, corner + CELLS + 1])
    parts = np.concatenate([(1.0 - x) * (1.0 - y), x * (1.0 - y), (1.0 - x) * y, x * y]) * np.tile(weights, 4)
    binned = np.bincount(corners, parts, CELLS * CELLS).reshape(CELLS, CELLS)
    u = 2.0 * np.pi * np.fft.rfftfreq(CELLS, step[0])
    v = 2.0 * np.pi * np.fft.fftfreq(CELLS, step[1])[:, None]
    (xx, xy), (_, yy) = covariance
    kernel = np.exp(-0.5 * (xx * u * u + 2.0 * xy * u * v + yy * v * v))
    values = np.fft.irfft2(np.fft.rfft2(binned) * kernel, binned.shape) / (step[0] * step[1])
    return Grid(origin, step, np.maximum(values, 0.0))


def _summit(line: Floats, top: int) -> float:
    """Return where along `line` the parabola through its highest node `top` and the two beside it peaks."""
    if not 0 < top < len(line) - 1:
        return float(top)
    before, here, after = line[top - 1 : top + 2]
    bend = before - 2.0 * here + after
    return top + 0.5 * float((before - after) / bend) if bend < 0 else float(top)
