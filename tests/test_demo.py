"""The demonstration atmosphere: plausible, balanced, drifting apart; in closed form and in member files."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray

from habsim import atmosphere, demo, earth, member
from habsim.arrays import Floats
from habsim.cycle import Cycle

CYCLE = Cycle("2025111312")
MONTHS = [Cycle(f"2025{month:02d}1500") for month in range(1, 13)]
MEMBERS = np.arange(21)
HOUR = 3600.0
ROTATION = 7.292115e-5  # rad/s; WGS 84

SITES = np.array([(37.36, -121.88), (52.2, 0.1), (-33.9, 151.2), (64.0, -147.0)])
ASCENT, BURST, DESCENT = 4.0, 30_000.0, 8.0
STEP = 120.0  # s


def _velocity(
    lat: Floats, lon: Floats, alt: float, time: Floats, cycle: Cycle, number: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return dlat/dt and dlon/dt (degrees/s) at altitude `alt` (m).

    The pressure there is the standard one, corrected once by the scale height: then right to metres.
    """
    height = float(earth.geopotential(alt))
    guess = atmosphere.pressure_hpa(height)
    air = demo.state(lat, lon, guess, time, cycle, number)
    scale = atmosphere.GAS_CONSTANT * air.temperature / atmosphere.GRAVITY
    air = demo.state(lat, lon, guess * np.exp((air.height - height) / scale), time, cycle, number)
    metres = np.radians(earth.RADIUS + alt)  # in a degree
    return air.v / metres, air.u / (metres * np.cos(np.radians(lat)))


def _landing_spread(cycle: Cycle, lead: float) -> Floats:
    """Return the rms distance (m) of the members' landings from their mean, shape (site,).

    A standard flight that starts `lead` (s) after the cycle, by the midpoint rule.
    """
    lat, lon = (np.repeat(start[:, None], MEMBERS.size, 1) for start in SITES.T)
    rise = BURST / ASCENT
    times = np.arange(0.0, rise + BURST / DESCENT, STEP)
    for time in times:
        moments = np.array([time, time + 0.5 * STEP])
        alts = np.maximum(np.where(moments < rise, ASCENT * moments, BURST - DESCENT * (moments - rise)), 0.0)
        when = cycle.time + lead + moments
        north, east = _velocity(lat, lon, alts[0], when[0], cycle, MEMBERS)
        half = lat + 0.5 * STEP * north, lon + 0.5 * STEP * east
        north, east = _velocity(*half, alts[1], when[1], cycle, MEMBERS)
        lat, lon = lat + STEP * north, lon + STEP * east
    places = earth.RADIUS * earth.unit_vectors(lat, lon)
    return np.asarray(np.sqrt(((places - places.mean(1, keepdims=True)) ** 2).sum(-1).mean(1)))


@pytest.mark.parametrize("cycle", MONTHS[::3], ids=str)
def test_landings_of_members_spread_under_3_km_at_6_h_lead_and_15_to_80_km_at_72_h(cycle: Cycle) -> None:
    assert _landing_spread(cycle, 6 * HOUR).max() < 3e3
    late = _landing_spread(cycle, 72 * HOUR)
    assert late.min() > 15e3
    assert late.max() < 80e3


@pytest.mark.parametrize("cycle", MONTHS, ids=str)
@pytest.mark.parametrize("hemisphere", [1, -1], ids=["north", "south"])
def test_the_jet_blows_at_30_to_70_m_s_in_each_hemisphere_and_month(cycle: Cycle, hemisphere: int) -> None:
    wind, _ = demo.fields(cycle, cycle.start.month)
    rows = (hemisphere * demo.LATS >= 30.0) & (hemisphere * demo.LATS <= 60.0)
    levels = (demo.LEVELS_HPA >= 200.0) & (demo.LEVELS_HPA <= 300.0)
    speeds = np.linalg.norm(wind[rows][:, :, levels].astype(float), axis=-1)
    jet = speeds.max(axis=(0, 1, 2))  # one for each time
    assert jet.min() > 30.0
    assert jet.max() < 70.0


@pytest.mark.parametrize(("cycle", "winter"), [(MONTHS[0], 1), (MONTHS[6], -1)], ids=["january", "july"])
def test_stratospheric_winds_are_easterly_in_summer_and_a_westerly_vortex_in_winter(
    cycle: Cycle, winter: int
) -> None:
    lons = np.arange(0.0, 360.0, 10.0)
    vortex = demo.state(60.0 * winter, lons, 10.0, cycle.time, cycle, 0).u.mean()
    summer = demo.state(-30.0 * winter, lons, 10.0, cycle.time, cycle, 0).u.mean()
    assert 15.0 < vortex < 60.0  # m/s: where zonal means of 10 hPa lie in midwinter and midsummer
    assert -30.0 < summer < -10.0


def test_surface_winds_are_breezes() -> None:
    wind, _ = demo.fields(CYCLE, 5)
    speed = np.linalg.norm(wind[:, :-1, 0].astype(float), axis=-1)
    weight = np.cos(np.radians(demo.LATS))[:, None, None] * np.ones(speed.shape)
    assert 2.0 < np.average(speed, weights=weight) < 6.0
    assert speed.max() < 16.0


def test_weather_of_middle_latitudes_moves_east() -> None:
    lons = np.arange(0.0, 360.0, 1.0)
    before, after = (
        demo.state(45.0, lons, 500.0, CYCLE.time + lead, CYCLE, 0).height for lead in (0.0, 12 * HOUR)
    )
    likeness = [np.corrcoef(np.roll(before, shift), after)[0, 1] for shift in range(-20, 21)]
    moved = int(np.argmax(likeness)) - 20  # degrees
    assert 2 <= moved <= 12  # 4 to 22 m/s, the speeds of troughs


def test_heights_are_hydrostatic_within_1_percent() -> None:
    """Thickness against Simpson's mean temperature; int16 steps of 2 m alone are 0.3 % of the thinnest."""
    _, heights = demo.fields(CYCLE, 4)
    rows, columns = slice(None, None, 3), slice(None, None, 7)
    thickness = demo.HEIGHTS_STEP * np.diff(heights[rows, columns, :, -1].astype(float), axis=-1)
    edges = np.log(demo.LEVELS_HPA)
    where = np.stack([edges[:-1], 0.5 * (edges[:-1] + edges[1:]), edges[1:]])
    lat, lon = demo.LATS[rows, None, None, None], demo.LONS[columns, None, None]
    end = CYCLE.time + demo.HOURS * HOUR
    temperature = demo.state(lat, lon, np.exp(where), end, CYCLE, 4).temperature
    mean = np.tensordot(temperature, [1 / 6, 4 / 6, 1 / 6], axes=(-2, 0))
    np.testing.assert_allclose(thickness, 287.05287 * mean / 9.80665 * -np.diff(edges), rtol=0.01)


@pytest.mark.parametrize("cycle", MONTHS[::2], ids=str)
def test_temperatures_are_those_of_the_earth_and_no_layer_overturns(cycle: Cycle) -> None:
    lat, lon = np.arange(-90.0, 91.0, 5.0)[:, None, None], np.arange(0.0, 360.0, 10.0)[:, None]
    air = demo.state(lat, lon, demo.LEVELS_HPA, cycle.time + 72 * HOUR, cycle, 9)
    assert air.temperature.min() > 185.0
    assert air.temperature.max() < 310.0
    potential = air.temperature * (1000.0 / demo.LEVELS_HPA) ** (2 / 7)
    assert np.diff(potential, axis=-1).min() > 0.0


def test_the_wind_is_the_geostrophic_wind_of_the_heights() -> None:
    """By central differences over 0.02 degrees: their error is below 1e-3 m/s where f is 1e-5 / s or more."""
    lat, lon = np.array([-75, -48, -20, -5, 5, 33, 60, 85.0])[:, None, None], np.arange(0, 360, 15.0)[:, None]
    level, time = np.array([850.0, 250.0, 10.0]), CYCLE.time + 60 * HOUR

    def height(north: float, east: float) -> Floats:
        return demo.state(lat + north, lon + east, level, time, CYCLE, 8).height

    air, metres = demo.state(lat, lon, level, time, CYCLE, 8), np.radians(0.02) * earth.RADIUS
    coriolis = 2.0 * ROTATION * np.sin(np.radians(lat))
    slope_north = (height(0.01, 0.0) - height(-0.01, 0.0)) / metres
    slope_east = (height(0.0, 0.01) - height(0.0, -0.01)) / (metres * np.cos(np.radians(lat)))
    np.testing.assert_allclose(air.u, -9.80665 / coriolis * slope_north, rtol=0, atol=2e-3)
    np.testing.assert_allclose(air.v, 9.80665 / coriolis * slope_east, rtol=0, atol=2e-3)


def test_the_grid_holds_the_closed_form() -> None:
    wind, heights = demo.fields(CYCLE, 3)
    times = CYCLE.time + demo.INTERVAL * np.arange(wind.shape[3])
    lat, lon = demo.LATS[:, None, None, None], demo.LONS[::10, None, None]
    air = demo.state(lat, lon, demo.LEVELS_HPA[:, None], times, CYCLE, 3)
    half_ulp = 0.016  # m/s, of float16 from 32 to 64
    np.testing.assert_allclose(wind[:, ::10, ..., 0], air.u, rtol=0, atol=half_ulp)
    np.testing.assert_allclose(wind[:, ::10, ..., 1], air.v, rtol=0, atol=half_ulp)
    np.testing.assert_allclose(demo.HEIGHTS_STEP * heights[:, ::10], air.height, rtol=0, atol=1.0 + 1e-6)


def test_the_grid_closes_in_longitude_and_is_still_at_the_poles() -> None:
    wind, heights = demo.fields(CYCLE, 20)
    assert np.array_equal(wind[:, 0].view(np.int16), wind[:, -1].view(np.int16))
    assert np.array_equal(heights[:, 0], heights[:, -1])
    assert not wind[[0, -1]].any()
    assert np.array_equal(heights[[0, -1]], np.broadcast_to(heights[[0, -1], :1], heights[[0, -1]].shape))


def test_a_member_file_is_whole_and_says_that_it_is_no_forecast() -> None:
    stream, again = io.BytesIO(), io.BytesIO()
    demo.write_member(stream, CYCLE, 7)
    demo.write_member(again, CYCLE, 7)
    assert stream.getvalue() == again.getvalue()
    layout = member.parse(stream, CYCLE.member_file(7))
    assert layout.start == CYCLE.time
    assert layout.shape[:2] == (46, 91)
    assert layout.heights_step == 2.0
    assert layout.origin == "HABSIM demonstration: a synthetic atmosphere, not a forecast"
    assert atmosphere.height(layout.levels_hpa.min()) > 42e3  # m: flights to 40 km and more stay inside
    assert 21 * len(stream.getvalue()) < 300e6


def test_a_demo_about_to_be_remade_still_reaches_78_h_ahead() -> None:
    stream = io.BytesIO()
    demo.write_member(stream, CYCLE, 0)
    oldest = CYCLE.time + (12 + 12) * HOUR  # the cycle was at most 12 h old, and its demo is kept for 12 h
    assert member.parse(stream, CYCLE.member_file(0)).end >= oldest + (72 + 6) * HOUR


def test_the_control_run_of_the_next_cycle_carries_on_the_same_weather() -> None:
    earlier, later = (demo.fields(cycle, 0) for cycle in (CYCLE, Cycle("2025111400")))
    for first, second in zip(earlier, later, strict=True):
        assert np.array_equal(first[:, :, :, 2:], second[:, :, :, :-2])


def test_a_member_is_the_same_alone_and_among_others() -> None:
    alone, among = (
        demo.state(50.0, 10.0, 300.0, CYCLE.time + 72 * HOUR, CYCLE, number).u for number in (5, MEMBERS)
    )
    assert alone == among[5]
    assert np.unique(among).size == MEMBERS.size
