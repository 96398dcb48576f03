"""Measurements as the rows of one table, each beside a loop that always does the same.

Where the loop took longer than in another row or run, the machine was busy with something else.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import numpy as np

REPEATS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, and how long (s) the loop took beside it."""

    name: str
    value: float
    unit: str
    detail: str = ""
    loop: float = field(default_factory=lambda: loop())


def loop() -> float:
    """Return the seconds that a fixed loop takes: 1000 products and sums of 10 000 numbers, on one core."""
    values = np.linspace(0.0, 1.0, 10_000)
    began = time.perf_counter()
    for _ in range(1000):
        values = values * 0.999999 + 1e-6
    return time.perf_counter() - began


def timed(
    name: str, action: Callable[[], object], before: Callable[[], object] = lambda: None, count: int = 1
) -> Row:
    """Return the median time (ms) of `action`, done `count` times after `before`, which is not timed."""
    times, loops = [], []
    for _ in range(REPEATS):
        before()
        loops.append(loop())
        began = time.perf_counter()
        for _ in range(count):
            action()
        times.append((time.perf_counter() - began) / count)
    detail = f"{1e3 * min(times):.3g} to {1e3 * max(times):.3g}"
    return Row(name, 1e3 * median(times), "ms", detail, median(loops))


def print_table(rows: list[Row]) -> None:
    """Print `rows` under one another."""
    width = max(len(row.name) for row in rows)
    print(f"{'':{width}}  {'median':>10}       {'range or share':24} {'loop':>8}")
    for row in rows:
        value = f"{row.value:10.4g} {row.unit:5}"
        print(f"{row.name:{width}}  {value} {row.detail:24} {1e3 * row.loop:5.2f} ms")
