"""What is wanted of a cycle, where it lies, and which bytes of a file hold it."""

import pytest

from habsim.cycle import Cycle
from habsim.errors import BadFileError, InvalidRequestError
from scripts.downloader.inventory import bounded, merged, parse, remaining, segments
from scripts.downloader.plan import LEVELS_HPA, Plan, grib_path

CYCLE = Cycle("2026112406")

# Lines as NOAA writes them: GEFS from the bucket, and GFS with u and v in one message.
GEFS = """\
1:0:d=2026072400:HGT:10 mb:3 hour fcst:ENS=+1
2:187854:d=2026072400:TMP:10 mb:3 hour fcst:ENS=+1
3:313687:d=2026072400:UGRD:10 mb:3 hour fcst:ENS=+1
4:514221:d=2026072400:VGRD:10 mb:3 hour fcst:ENS=+1
5:700000:d=2026072400:UGRD:10 m above ground:3 hour fcst:ENS=+1
6:800000:d=2026072400:UGRD:50 mb:0-3 hour ave fcst:ENS=+1
7:900000:d=2026072400:VGRD:1000 mb:3 hour fcst:ENS=+1
"""
PACKED = """\
1:0:d=2022101400:PRMSL:mean sea level:anl:
2.1:995942:d=2022101400:UGRD:1000 mb:anl:
2.2:995942:d=2022101400:VGRD:1000 mb:anl:
3:1500000:d=2022101400:HGT:1000 mb:anl:ENS=low-res ctl
"""


def test_a_file_lies_where_noaa_puts_it() -> None:
    folder = "gefs.20261124/06/atmos/pgrb2"
    assert grib_path(CYCLE, 0, "a", 0) == f"{folder}ap5/gec00.t06z.pgrb2a.0p50.f000"
    assert grib_path(CYCLE, 30, "b", 240) == f"{folder}bp5/gep30.t06z.pgrb2b.0p50.f240"


def test_the_two_files_have_all_the_levels_between_them() -> None:
    assert not set(LEVELS_HPA["a"]) & set(LEVELS_HPA["b"])
    levels = Plan(CYCLE).levels_hpa
    assert len(levels) == 31
    assert list(levels) == sorted(levels, reverse=True)
    assert {300.0, 250.0, 200.0} <= set(levels)  # where the jet is


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": 0}, {"members": 32}, {"hours": 0}, {"hours": 97}, {"hours": 390, "step": 6}, {"step": 0},
        {"step": 4, "hours": 96}, {"hours": 243, "step": 3}, {"resolution": 0.25}, {"resolution": 0.75},
        {"resolution": 7.0},
    ],
)  # fmt: skip
def test_what_gefs_does_not_have_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidRequestError):
        Plan(CYCLE, **wrong)  # type: ignore[arg-type]


def test_the_usual_plan_has_its_size() -> None:
    plan = Plan(CYCLE)
    assert plan.shape == (181, 361, 31, 33)
    assert plan.member_bytes == 181 * 361 * 31 * 33 * 6
    assert plan.files == 21 * 33
    assert Plan(CYCLE, hours=240).times[-1] == 240
    assert Plan(CYCLE, hours=384, step=6).times[-2:] == range(378, 385, 6)


def test_an_inventory_says_which_bytes_hold_winds_and_heights() -> None:
    found = parse(GEFS)
    assert [(r.parameter, r.level_hpa, r.first, r.end) for r in found.records] == [
        ("height", 10.0, 0, 187854),
        ("u", 10.0, 313687, 514221),
        ("v", 10.0, 514221, 700000),
        ("v", 1000.0, 900000, None),
    ]
    assert found.last == 900000


def test_fields_of_one_message_are_fetched_once() -> None:
    records = bounded(parse(PACKED).select([1000.0], heights=True), 1_600_000)
    assert segments(records) == ((995942, 1500000), (1500000, 1600000))


def test_heights_are_left_out_if_they_are_not_wanted_and_may_be_missing() -> None:
    inventory = parse(GEFS)
    assert {r.parameter for r in inventory.select([10.0], heights=False)} == {"u", "v"}
    assert {r.parameter for r in inventory.select([10.0], heights=True)} == {"u", "v", "height"}


def test_a_wind_that_is_missing_or_there_twice_is_told() -> None:
    with pytest.raises(BadFileError, match="lacks u at 1000 hPa"):
        parse(GEFS).select([1000.0], heights=True)
    with pytest.raises(BadFileError, match="u at 10 hPa twice"):
        parse(GEFS.replace("TMP:10 mb", "UGRD:10 mb")).select([10.0], heights=True)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "<html>", GEFS.replace("3:3", "3;3"), GEFS.replace("1:0:", "1:5:"),
             GEFS.replace("313687", "99")],
)  # fmt: skip
def test_what_is_no_inventory_is_refused(text: str) -> None:
    with pytest.raises(BadFileError):
        parse(text)


def test_neighbours_are_fetched_together_and_what_is_done_is_left_out() -> None:
    messages = ((0, 10), (10, 30), (50, 60))
    assert merged(messages, 0) == [[(0, 10), (10, 30)], [(50, 60)]]
    assert merged(messages, 20) == [[(0, 10), (10, 30), (50, 60)]]
    assert remaining(messages, 0) == list(messages)
    assert remaining(messages, 15) == [(15, 30), (50, 60)]
    assert remaining(messages, 30) == [(50, 60)]
    assert remaining(messages, 40) == []
