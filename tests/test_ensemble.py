"""Ensembles: the draws to the bit, the ranges about a nominal flight, and the identity of a question."""

import hashlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habsim import kernel
from habsim.arrays import Floats
from habsim.earth import wrap
from habsim.ensemble import Ensemble, draws, half_widths
from habsim.flight import FlightPlan
from tests.members import SEA, elevation, plan

COLUMNS = [kernel.LAT, kernel.LON, kernel.ALT, kernel.BURST, kernel.COAST, kernel.ASCENT, kernel.DESCENT]
FULL = [0.001, 0.001, 1.0, 10.0, 360.0, 0.1, 0.1]  # degrees, degrees, m, m, s, m/s, m/s
AMID = plan(lat=37.3553, lon=-121.8763, alt=24.0, coast=3600.0)  # far from every limit

MASK = 2**64 - 1


def philox(key: int, counter: int) -> list[int]:
    """Return the four words of a block of Philox 4x64-10, counted from 0 by its authors.

    Source: Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, SC11.
    """
    a, b, c, d = counter, 0, 0, 0
    first, second = key, 0
    for _ in range(10):
        left, right = 0xD2E7470EE14C6C93 * a, 0xCA5A826395121157 * c
        a, b, c, d = (right >> 64) ^ b ^ first, right & MASK, (left >> 64) ^ d ^ second, left & MASK
        first, second = (first + 0x9E3779B97F4A7C15) & MASK, (second + 0xBB67AE8584CAA73B) & MASK
    return [a, b, c, d]


def varied(flight: FlightPlan, count: int = 2000, member: int = 3) -> Floats:
    return np.asarray(Ensemble(flight, member + 1, count).flights(SEA)[member][1:])


def test_the_reference_generator_gives_the_published_words() -> None:
    """The known answer of Random123 1.09 (kat_vectors) for a counter and a key of 0."""
    words = "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"
    assert " ".join(f"{word:016x}" for word in philox(0, 0)) == words


@pytest.mark.parametrize(("member", "perturbation"), [(0, 0), (0, 1), (7, 0), (20, 19), (99, 99)])
def test_draws_are_words_of_philox_keyed_by_member_and_perturbation(member: int, perturbation: int) -> None:
    """A perturbation takes two blocks; NumPy counts blocks from 1."""
    words = philox(member, 2 * perturbation + 1) + philox(member, 2 * perturbation + 2)
    expected = [2.0 * ((word >> 11) / 2**53) - 1.0 for word in words[:7]]
    assert draws(member + 1, perturbation + 1)[member, perturbation].tolist() == expected


def test_draws_are_equal_to_the_bit_on_every_machine() -> None:
    content = draws(21, 20).astype("<f8").tobytes()
    digest = "7b99bb32aa0da63c90c9fa90f3e48e51dbbfef77e1eb9973f09bf8e69b39a47e"
    assert hashlib.sha256(content).hexdigest() == digest


def test_draws_are_uniform_and_independent() -> None:
    many = draws(100, 100).reshape(-1, 7)
    assert many.min() >= -1.0
    assert many.max() < 1.0
    # 10 000 draws: standard errors are 0.0058 of a mean, 0.0030 of a variance and 0.01 of a correlation.
    np.testing.assert_allclose(many.mean(0), 0.0, atol=5 * 0.0058)
    np.testing.assert_allclose(many.var(0), 1.0 / 3.0, atol=5 * 0.0030)
    np.testing.assert_allclose(np.corrcoef(many.T), np.eye(7), atol=5 * 0.01)


@pytest.mark.parametrize("member", [0, 20])
def test_a_smaller_count_is_a_prefix(member: int) -> None:
    np.testing.assert_array_equal(draws(21, 7)[member], draws(21, 100)[member, :7])
    whole = Ensemble(AMID, 21, 100).flights(SEA)[member]
    np.testing.assert_array_equal(Ensemble(AMID, 21, 7).flights(SEA)[member], whole[:8])


def test_members_do_not_depend_on_how_many_there_are() -> None:
    np.testing.assert_array_equal(
        Ensemble(AMID, 5, 20).flights(SEA)[4], Ensemble(AMID, 31, 20).flights(SEA)[4]
    )


def test_draws_cannot_be_written_over() -> None:
    with pytest.raises(ValueError, match="read-only"):
        draws(1, 5)[0, 0, 0] = 0.0


def test_the_first_flight_is_the_nominal_one() -> None:
    np.testing.assert_array_equal(Ensemble(AMID, 21, 20).flights(SEA)[5][:1], AMID.columns())


def test_variations_fill_their_ranges_around_the_nominal_flight() -> None:
    off = varied(AMID)[:, COLUMNS] - AMID.columns()[:, COLUMNS]
    assert np.all(np.abs(off) <= np.array(FULL) * (1.0 + 1e-9))
    # Of 2000 uniform draws the outermost lie within 1 % of the ends but for a chance of 5e-9.
    np.testing.assert_allclose(off.max(0), FULL, rtol=0.01)
    np.testing.assert_allclose(off.min(0), -np.array(FULL), rtol=0.01)


def test_time_coefficient_and_nothing_else_stay() -> None:
    flights = varied(replace(AMID, coeff=1.2))
    assert np.all(flights[:, kernel.TIME] == AMID.time)
    assert np.all(flights[:, kernel.COEFF] == 1.2)


def test_a_later_hour_or_a_dragged_launch_meets_the_same_variations() -> None:
    there = replace(AMID, time=AMID.time + 3600.0, lat=-12.0, lon=30.0)
    one = varied(AMID)[:, COLUMNS] - AMID.columns()[:, COLUMNS]
    other = varied(there)[:, COLUMNS] - there.columns()[:, COLUMNS]
    np.testing.assert_allclose(one, other, atol=1e-9)  # sums with other numbers round otherwise


@pytest.mark.parametrize(
    ("changes", "column", "expected"),
    [
        ({"lat": 89.9996}, kernel.LAT, 0.0004),
        ({"lat": -90.0}, kernel.LAT, 0.0),
        ({"alt": 0.25}, kernel.ALT, 0.25),
        ({"alt": 0.0}, kernel.ALT, 0.0),
        ({"alt": 24.0, "burst": 28.0}, kernel.BURST, 4.0),
        ({"alt": 24.0, "burst": 24.0}, kernel.BURST, 0.0),
        ({"burst": 49_997.0}, kernel.BURST, 3.0),
        ({"coast": 0.0}, kernel.COAST, 0.0),
        ({"coast": 60.0}, kernel.COAST, 60.0),
        ({"coast": 48 * 3600.0 - 30.0}, kernel.COAST, 30.0),
        ({"ascent": 0.125}, kernel.ASCENT, 0.025),
        ({"ascent": 19.9375}, kernel.ASCENT, 0.0625),
        ({"descent": 0.1}, kernel.DESCENT, 0.0),
        ({"descent": 20.0}, kernel.DESCENT, 0.0),
    ],
)
def test_a_range_that_would_cross_a_limit_is_narrowed_on_both_sides(
    changes: dict[str, Any], column: int, expected: float
) -> None:
    narrowed = replace(AMID, **changes)
    widths = dict(zip(COLUMNS, half_widths(narrowed), strict=True))
    assert widths[column] == pytest.approx(expected, abs=1e-9)
    usual = dict(zip(COLUMNS, FULL, strict=True))
    others = [other for other in COLUMNS if other not in (column, kernel.ALT, kernel.BURST)]
    assert [widths[other] for other in others] == [usual[other] for other in others]


def test_a_flight_asked_for_without_float_has_none() -> None:
    assert np.all(varied(replace(AMID, coast=0.0))[:, kernel.COAST] == 0.0)


def test_the_cloud_about_the_date_line_is_in_one_piece() -> None:
    lon = varied(replace(AMID, lon=180.0))[:, kernel.LON]
    assert np.abs(lon - 180.0).max() <= 0.001 + 1e-12


def test_every_draw_is_raised_to_its_own_ground() -> None:
    """On a slope of 1000 m in a degree the ground under a cloud of 0.001 degrees differs by 2 m."""
    cells = np.zeros((180, 360), np.int16)
    cells[:, 300:] = 1000 * np.arange(1, 61).clip(max=8)
    slope = elevation(cells)
    lat, lon = 10.0, 122.3
    nominal = replace(AMID, lat=lat, lon=lon, alt=0.0).raised(float(slope.at(lat, lon)))
    flights = Ensemble(nominal, 21, 500).flights(slope)[0][1:]
    under = slope.at(flights[:, kernel.LAT], flights[:, kernel.LON])
    assert np.ptp(under) == pytest.approx(2.0, abs=0.05)
    assert np.all(flights[:, kernel.ALT] >= under)
    drawn = nominal.alt + draws(21, 500)[0, :, 2]  # a metre up or down
    np.testing.assert_allclose(flights[:, kernel.ALT], np.maximum(drawn, under), atol=1e-9)


def test_a_burst_at_the_ground_stays_on_it() -> None:
    cells = np.zeros((180, 360), np.int16)
    cells[:, 180:] = 3000
    cliff = elevation(cells)
    nominal = plan(lon=0.0).raised(1500.0)
    flights = Ensemble(replace(nominal, burst=nominal.alt), 1, 200).flights(cliff)[0]
    assert np.all(flights[:, kernel.BURST] >= flights[:, kernel.ALT])


anywhere = st.builds(
    lambda alt, share, **rest: plan(alt=alt, burst=alt + share * (49_999.0 - alt), **rest),
    alt=st.floats(0.0, 49_999.0),
    share=st.floats(0.0, 1.0),
    lat=st.floats(-90.0, 90.0),
    lon=st.floats(-180.0, 180.0),
    coast=st.floats(0.0, 48 * 3600.0),
    ascent=st.floats(0.1, 20.0),
    descent=st.floats(0.1, 20.0),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(nominal=anywhere, member=st.integers(0, 30))
def test_every_variation_is_a_plan_within_the_limits(nominal: FlightPlan, member: int) -> None:
    for row in varied(nominal, 10, member).tolist():
        row[kernel.LON] = float(wrap(row[kernel.LON]))
        FlightPlan(*row)  # refuses what is outside


def key(flight: FlightPlan = AMID, cycle: str = "2026010100", store: str = "a", **changes: Any) -> str:
    return Ensemble(flight, **{"members": 21, "perturbations": 20, **changes}).key(cycle, store)


def changed(name: str, value: float) -> FlightPlan:
    changes: dict[str, Any] = {name: value}
    return replace(AMID, **changes)


def test_an_identity_is_twelve_hexadecimal_digits() -> None:
    assert len(key()) == 12
    assert set(key()) <= set("0123456789abcdef")


def test_the_same_question_has_the_same_identity() -> None:
    assert key(replace(AMID, lon=180.0)) == key(replace(AMID, lon=-180.0))
    assert key(replace(AMID, alt=24)) == key(replace(AMID, alt=24.0))
    assert key(replace(AMID, lon=30)) == key(replace(AMID, lon=30.0))
    for name in ("lat", "lon", "alt", "coast"):
        assert key(changed(name, -0.0)) == key(changed(name, 0.0)), name


def test_another_question_has_another_identity() -> None:
    others = [
        changed(name, math.nextafter(getattr(AMID, name), math.inf))
        for name in ("time", "lat", "lon", "alt", "burst", "coast", "ascent", "descent", "coeff")
    ]
    identities = [key(), *map(key, others), key(replace(AMID, parachute=True)), key(store="b")]
    identities += [key(cycle="2026010106"), key(members=20), key(perturbations=19)]
    assert len(set(identities)) == len(identities)
