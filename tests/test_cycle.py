"""Cycles: which names are one, what time they have and what their files are called."""

from datetime import UTC, datetime

import pytest

from habsim.cycle import PERIOD, Cycle
from habsim.errors import InvalidRequestError


def test_a_cycle_is_its_hour() -> None:
    cycle = Cycle("2025111312")
    assert cycle.start == datetime(2025, 11, 13, 12, tzinfo=UTC)
    assert cycle.time == 1_763_035_200.0
    assert str(cycle) == "2025111312"


@pytest.mark.parametrize("name", ["2024022900", "2025123118", "0001010106"])
def test_every_sixth_hour_of_the_calendar_is_a_cycle(name: str) -> None:
    assert Cycle(name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "20251113",
        "2025111312\n",
        " 2025111312",
        "2025111312_00",
        "../25111312",
        "٢٠٢٥١١١٣١٢",
        "2025111313",
        "2025111324",
        "2025023000",
        "2025130100",
        "0000010100",
        "-202511131",
    ],
)
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        Cycle(name)


def test_a_refusal_does_not_repeat_a_long_name() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Cycle("x" * 10_000)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("time", "name"),
    [
        (1_763_035_200.0, "2025111312"),
        (1_763_035_199.9, "2025111306"),
        (1_763_035_200.0 + PERIOD - 0.1, "2025111312"),
        (0.0, "1970010100"),
        (-1.0, "1969123118"),
    ],
)
def test_the_latest_cycle_at_a_time_started_at_or_before_it(time: float, name: str) -> None:
    assert Cycle.at(time) == Cycle(name)


def test_cycles_are_ordered_by_time() -> None:
    assert max(Cycle("2025123118"), Cycle("2026010100")).name == "2026010100"


@pytest.mark.parametrize(("member", "name"), [(0, "2025111312_00.npz"), (20, "2025111312_20.npz")])
def test_member_files_are_named_by_cycle_and_member(member: int, name: str) -> None:
    assert Cycle("2025111312").member_file(member) == name
