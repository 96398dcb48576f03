"""Points along many flights: the same as along each alone, and on the curve that the velocities give."""

import numpy as np

from habsim import kernel
from habsim.arrays import Floats
from habsim.points import ALT, LAT, LON, TIME, paths
from habsim.trajectory import Flown

RADIUS = 6_371_009.0  # m
EAST = 20.0  # m/s
RATE = 5.0  # m/s


def track(rows: list[tuple[float, float, float]]) -> Flown:
    """Return a flight eastward along the equator, tracked at `rows` of (phase, seconds, altitude).

    Its longitude is that of a constant speed at sea level; its vertical speed is that between rows.
    """
    nodes = np.zeros((len(rows), kernel.NODE_COLUMNS))
    for number, (phase, seconds, alt) in enumerate(rows):
        east = EAST * (RADIUS + alt) / RADIUS  # the same angular speed at every altitude
        up = {0.0: RATE, 1.0: 0.0, 2.0: -RATE}[phase]
        nodes[number] = phase, seconds, 0.0, longitude(seconds), alt, east, 0.0, up
    last = nodes[-1:]
    return Flown(np.zeros(1, np.int8), last[:, 1], last[:, 2], last[:, 3], last[:, 4], nodes)


def longitude(seconds: float) -> float:
    return float(np.degrees(EAST * seconds / RADIUS))


WHOLE = track([(0, 0, 0), (0, 400, 2000), (0, 1000, 5000), (1, 1000, 5000), (1, 1900, 5000),
               (2, 1900, 5000), (2, 2900, 0)])  # fmt: skip
NO_COAST = track([(0, 0, 0), (0, 1000, 5000), (2, 1000, 5000), (2, 2000, 0)])
GROUNDED = track([(2, 7, 0)])


def same(one: list[Floats], other: list[Floats]) -> None:
    for left, right in zip(one, other, strict=True):
        np.testing.assert_allclose(left, right, rtol=0.0, atol=1e-9)  # m, s and degrees; times are small here


def test_flights_together_have_the_points_of_each_alone() -> None:
    flights = [WHOLE, GROUNDED, NO_COAST, GROUNDED, WHOLE]
    together = paths(flights)
    for flight, phases in zip(flights, together, strict=True):
        same(phases, paths([flight])[0])


def test_no_flights_have_no_points() -> None:
    """A run in which every member failed asks for none."""
    assert paths([WHOLE])[0][0].shape[1] == 4
    assert [len(phase) for phase in paths([GROUNDED])[0]] == [0, 0, 1]


def test_points_lie_on_the_way_at_even_times() -> None:
    ascent, coast, descent = paths([WHOLE])[0]
    assert [len(ascent), len(coast), len(descent)] == [18, 16, 18]  # at most 60 s apart
    for phase in (ascent, coast, descent):
        np.testing.assert_allclose(np.diff(phase[:, TIME]), np.ptp(phase[:, TIME]) / (len(phase) - 1))
        np.testing.assert_allclose(phase[:, LAT], 0.0, atol=1e-12)
        # A cubic through arcs of 1000 s at 20 m/s, 3 milliradians, is right to their fourth power over 384.
        np.testing.assert_allclose(phase[:, LON], np.vectorize(longitude)(phase[:, TIME]), atol=1e-9)
    np.testing.assert_allclose(ascent[:, ALT], RATE * ascent[:, TIME], atol=1e-9)
    np.testing.assert_allclose(descent[:, ALT], RATE * (2900.0 - descent[:, TIME]), atol=1e-9)
    assert ascent[-1].tolist() == coast[0].tolist()
    assert coast[-1].tolist() == descent[0].tolist()
