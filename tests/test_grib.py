"""GRIB2 messages made with eccodes here, through the command, to member files read back with NumPy.

Grids are 30 degrees; 16-bit packing of a range below 2**16 * PACKED rounds by less than PACKED.
"""

import math
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest

from habsim.arrays import Floats
from habsim.errors import BadFileError, InvalidRequestError
from scripts.arguments import USAGE
from scripts.fields import assemble, stacked, thinned
from scripts.grib import Field, Header, Source, read_fields, read_headers
from scripts.grib_to_members import DONE, FAILED, main

ROWS, COLUMNS = 7, 12
LAT = np.linspace(90.0, -90.0, ROWS)[:, None]
LON = np.arange(0.0, 360.0, 30.0)
PACKED = 0.002  # m/s: the winds here span less than 131 m/s
HALF = 2.0**-11  # relative rounding of float16; IEEE 754
STEP_ERROR = 1.0 + 0.01  # m: steps of 2 m; a level spans less than 650 m, packed in 16 bits
CODES = {"u": (2, 2), "v": (2, 3), "height": (3, 5)}  # category, number
REFERENCE = datetime(2025, 1, 1, 6, tzinfo=UTC).timestamp()
HOUR = 3600.0
Keys = dict[str, Any]  # of eccodes
GRID = {
    "Ni": COLUMNS,
    "Nj": ROWS,
    "latitudeOfFirstGridPointInDegrees": 90.0,
    "latitudeOfLastGridPointInDegrees": -90.0,
    "longitudeOfFirstGridPointInDegrees": 0.0,
    "longitudeOfLastGridPointInDegrees": 330.0,
    "iDirectionIncrementInDegrees": 30.0,
    "jDirectionIncrementInDegrees": 30.0,
}


def truth(parameter: str, level_hpa: float, hour: float = 0.0) -> Floats:
    """Return a field (lat, lon) that no reflection, rotation or mistaken level or hour leaves as it is."""
    wave = 20.0 * np.sin(np.radians(LON + 0.2 * LAT)) * np.cos(np.radians(0.7 * LAT + 10.0)) + LAT / 30.0
    if parameter == "height":
        return np.asarray(7000.0 * math.log(1013.25 / level_hpa) + 5.0 * wave + hour)
    sign = 1.0 if parameter == "u" else -0.5
    return np.asarray(sign * (wave + 10.0 * math.log(1100.0 / level_hpa) + 0.3 * hour))


def message(
    parameter: str, level_hpa: float, values: Floats | None = None, hour: int = 0, **keys: Any
) -> int:
    """Return a handle of `values` (or of the truth); `keys` come last, in order, before the values."""
    category, number = CODES[parameter]
    handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
    described = {
        "centre": "kwbc",
        "generatingProcessIdentifier": 96,
        "parameterCategory": category,
        "parameterNumber": number,
        "typeOfFirstFixedSurface": 100,
        "scaleFactorOfFirstFixedSurface": 0,
        "scaledValueOfFirstFixedSurface": round(level_hpa * 100.0),
        "dataDate": 20250101,
        "dataTime": 600,
        "forecastTime": hour,
        "bitsPerValue": 16,
    }
    for key, value in (GRID | described | keys).items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(
        handle, (truth(parameter, level_hpa, hour) if values is None else values).ravel()
    )
    return int(handle)


def written(path: Path, *handles: int) -> Path:
    """Write one message a handle to `path`."""
    with path.open("wb") as stream:
        for handle in handles:
            eccodes.codes_write(handle, stream)
            eccodes.codes_release(handle)
    return path


def forecast(path: Path, levels: tuple[float, ...] = (1000.0, 250.0), hours: tuple[int, ...] = (0,)) -> Path:
    """Write u, v and height at `levels` and `hours` to `path`, the upper level first."""
    return written(
        path,
        *(
            message(name, level, hour=hour)
            for hour in hours
            for level in sorted(levels)
            for name in ("height", "v", "u")
        ),
    )


def only(path: Path) -> Field:
    (field,) = read_fields(path)
    return field


# --- decoding


def test_a_field_says_what_the_message_says(tmp_path: Path) -> None:
    path = written(
        tmp_path / "gep09.t00z.f000",  # a name that is wrong about everything
        message(
            "v",
            0.4,
            hour=3,
            productDefinitionTemplateNumber=1,
            typeOfEnsembleForecast=3,
            perturbationNumber=7,
        ),
    )
    source = Source("NCEP GFS", REFERENCE, REFERENCE + 3 * HOUR, 7)
    assert list(read_headers(path)) == [Header("v", 0.4, source)]
    assert np.abs(only(path).values - truth("v", 0.4, 3)).max() < PACKED


def test_complex_packing_with_spatial_differencing_is_decoded(tmp_path: Path) -> None:
    packing: Keys = {
        "packingType": "grid_complex_spatial_differencing",
        "orderOfSpatialDifferencing": 2,
        "bitsPerValue": 16,
    }
    path = written(tmp_path / "f", message("u", 250.0, **packing))
    assert np.abs(only(path).values - truth("u", 250.0)).max() < PACKED


def scan(mode: int) -> Iterator[tuple[int, int]]:
    """Yield (row from the north, column from the west) of each point in turn, as flag table 3.4 words it."""
    outer, inner = (COLUMNS, ROWS) if mode & 0x20 else (ROWS, COLUMNS)
    for line in range(outer):
        for place in range(inner):
            along = inner - 1 - place if mode & 0x10 and line % 2 else place
            i, j = (line, along) if mode & 0x20 else (along, line)
            yield (ROWS - 1 - j if mode & 0x40 else j), (COLUMNS - 1 - i if mode & 0x80 else i)


@pytest.mark.parametrize("mode", range(0x00, 0x100, 0x10))
def test_every_scan_order_gives_the_same_field(tmp_path: Path, mode: int) -> None:
    values = truth("u", 250.0)
    west, east = (330.0, 0.0) if mode & 0x80 else (0.0, 330.0)
    north, south = (-90.0, 90.0) if mode & 0x40 else (90.0, -90.0)
    ordered = np.array([values[place] for place in scan(mode)])
    keys: Keys = {
        "scanningMode": mode,
        "longitudeOfFirstGridPointInDegrees": west,
        "longitudeOfLastGridPointInDegrees": east,
        "latitudeOfFirstGridPointInDegrees": north,
        "latitudeOfLastGridPointInDegrees": south,
    }
    path = written(tmp_path / "f", message("u", 250.0, ordered, **keys))
    assert np.abs(only(path).values - values).max() < PACKED


def test_a_grid_that_starts_at_the_date_line_is_turned_to_greenwich(tmp_path: Path) -> None:
    keys: Keys = {"longitudeOfFirstGridPointInDegrees": 180.0, "longitudeOfLastGridPointInDegrees": 150.0}
    path = written(tmp_path / "f", message("u", 250.0, np.roll(truth("u", 250.0), 6, axis=1), **keys))
    assert np.abs(only(path).values - truth("u", 250.0)).max() < PACKED


def test_u_and_v_in_one_message_are_both_read(tmp_path: Path) -> None:
    path, many = tmp_path / "f", eccodes.codes_grib_multi_new()
    for name in ("u", "v"):
        eccodes.codes_grib_multi_append(message(name, 250.0), 4, many)
    with path.open("wb") as stream:
        eccodes.codes_grib_multi_write(many, stream)
    eccodes.codes_grib_multi_release(many)
    assert path.read_bytes().count(b"7777") == 1, "not one message"
    for field in read_fields(path):
        assert np.abs(field.values - truth(field.header.parameter, 250.0)).max() < PACKED
    assert [header.parameter for header in read_headers(path)] == ["u", "v"]
    assert next(iter(read_headers(path))).parameter == "u", (
        "a file left in mid-message starts again at its head"
    )


def test_other_parameters_and_surfaces_are_passed_over(tmp_path: Path) -> None:
    path = written(
        tmp_path / "f",
        message("u", 250.0, typeOfFirstFixedSurface=103),
        message("v", 250.0, parameterNumber=8),
        message("height", 250.0, hour=6),
        message("height", 250.0, hour=12),
    )
    assert [header.source.valid for header in read_headers(path)] == [
        REFERENCE + 6 * HOUR,
        REFERENCE + 12 * HOUR,
    ]
    (field,) = read_fields(path, valid=REFERENCE + 12 * HOUR)
    assert field.header.parameter == "height"


REGIONAL = {"longitudeOfLastGridPointInDegrees": 110.0, "iDirectionIncrementInDegrees": 10.0}
TROPICAL = {"latitudeOfFirstGridPointInDegrees": 30.0, "latitudeOfLastGridPointInDegrees": -30.0}
BETWEEN = {"longitudeOfFirstGridPointInDegrees": 15.0, "longitudeOfLastGridPointInDegrees": 345.0}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (REGIONAL, "pole to pole and once round"),
        (TROPICAL, "pole to pole and once round"),
        (BETWEEN, "by way of 0 E"),
        ({"scanningMode": 0x08}, "half a cell"),
        ({"uvRelativeToGrid": 1}, "relative to the grid"),
        ({"productDefinitionTemplateNumber": 2}, "mean, spread or period"),
        ({"productDefinitionTemplateNumber": 8}, "mean, spread or period"),
    ],
)
def test_a_field_that_no_member_file_can_hold_is_refused(tmp_path: Path, keys: Keys, said: str) -> None:
    path = written(tmp_path / "odd.grb", message("u", 250.0, **keys))
    with pytest.raises(BadFileError, match=rf"odd\.grb, field 1.*{said}"):
        list(read_fields(path))


def test_a_gaussian_grid_is_refused(tmp_path: Path) -> None:
    handle = eccodes.codes_grib_new_from_samples("regular_gg_pl_grib2")
    for key, value in {"parameterCategory": 2, "parameterNumber": 2, "typeOfFirstFixedSurface": 100}.items():
        eccodes.codes_set(handle, key, value)
    with pytest.raises(BadFileError, match="regular_gg"):
        list(read_fields(written(tmp_path / "f", handle)))


def test_a_bitmap_is_refused_only_where_it_hides_a_value(tmp_path: Path) -> None:
    values = truth("u", 250.0)
    whole = written(tmp_path / "whole", message("u", 250.0, values, bitmapPresent=1, missingValue=9999))
    assert np.abs(only(whole).values - values).max() < PACKED
    values[2, 3] = 9999.0
    holed = written(tmp_path / "holed", message("u", 250.0, values, bitmapPresent=1, missingValue=9999))
    with pytest.raises(BadFileError, match="1 of 84 values are missing"):
        list(read_fields(holed))


def test_values_that_the_packing_itself_marks_as_missing_are_refused(tmp_path: Path) -> None:
    values = (
        np.linspace(0.0, 255.0, ROWS * COLUMNS).round().reshape(ROWS, COLUMNS)
    )  # the last has all 8 bits set
    handle = message("u", 250.0, values, packingType="grid_complex", bitsPerValue=8)
    encoded = bytearray(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    section = 16  # after the indicator section; a section is length (4 octets), number (1), contents
    while encoded[section + 4] != 5:
        section += int.from_bytes(encoded[section : section + 4], "big")
    encoded[section + 22] = 1  # octet 23 of template 5.2: all bits set means missing
    path = tmp_path / "f"
    path.write_bytes(encoded)
    with pytest.raises(BadFileError, match="values are missing"):
        list(read_fields(path))


@pytest.mark.parametrize("lost", [1, 100, 1000])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, lost: int) -> None:
    path = forecast(tmp_path / "cut.grb")
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(BadFileError, match=r"cut\.grb is damaged or truncated"):
        list(read_headers(path))


@pytest.mark.parametrize("content", [b"", b"<html>302 Found</html>" * 20])
def test_a_file_that_is_not_grib_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.grb"
    path.write_bytes(content)
    with pytest.raises(BadFileError, match=r"page\.grb holds no GRIB message"):
        list(read_headers(path))


def test_grib_edition_1_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="edition 1"):
        list(
            read_headers(written(tmp_path / "f", eccodes.codes_grib_new_from_samples("regular_ll_pl_grib1")))
        )


# --- gathering


def fields(
    levels: tuple[float, ...] = (1000.0, 500.0, 250.0), hour: float = 0.0, member: int = 3
) -> list[Field]:
    source = Source("NCEP GEFS", REFERENCE, REFERENCE + hour * HOUR, member)
    return [
        Field(Header(name, level, source), truth(name, level, hour).astype(np.float32))
        for level in levels
        for name in ("u", "v", "height")
    ]


def without(parameter: str, level_hpa: float) -> list[Field]:
    return [f for f in fields() if (f.header.parameter, f.header.level_hpa) != (parameter, level_hpa)]


def test_a_missing_height_is_that_of_an_isothermal_layer() -> None:
    part = assemble(without("height", 500.0))
    # the truth is linear in ln p, as in an isothermal atmosphere
    assert np.abs(part.heights[:, :-1, 1].astype(float) * 2.0 - truth("height", 500.0)).max() <= 1.0 + 1e-3
    assert part.filled_hpa == (500.0,)


@pytest.mark.parametrize("level_hpa", [1000.0, 250.0])
def test_a_missing_outermost_height_is_refused(level_hpa: float) -> None:
    with pytest.raises(BadFileError, match=f"no height at {level_hpa:g} hPa"):
        assemble(without("height", level_hpa))


def test_a_height_without_wind_serves_as_neighbour() -> None:
    part = assemble(
        without("height", 250.0) + [f for f in fields((200.0,)) if f.header.parameter == "height"]
    )
    assert part.levels_hpa.tolist() == [1000.0, 500.0, 250.0]
    assert part.filled_hpa == (250.0,)


def test_wind_with_one_component_missing_is_refused_by_level() -> None:
    with pytest.raises(BadFileError, match="u or v is missing at 500 hPa"):
        assemble(without("v", 500.0))


def test_a_field_that_is_there_twice_is_refused() -> None:
    with pytest.raises(BadFileError, match=r"u at 250 hPa.*twice"):
        assemble(fields() + [f for f in fields((250.0,)) if f.header.parameter == "u"])


@pytest.mark.parametrize("other", [{"hour": 3.0}, {"member": 4}])
def test_a_field_of_another_instant_or_member_is_refused(other: Keys) -> None:
    with pytest.raises(BadFileError, match="does not belong"):
        assemble(fields() + fields((100.0,), **other))


def test_a_slice_of_another_member_is_refused() -> None:
    with pytest.raises(BadFileError, match="not of the same member"):
        stacked([assemble(fields()), assemble(fields(hour=6.0, member=4))], 2)


def test_a_missing_slice_is_refused() -> None:
    with pytest.raises(BadFileError, match="1 slices, not 2"):
        stacked([assemble(fields())], 2)


def test_heights_that_do_not_rise_are_refused() -> None:
    crossed = [
        Field(f.header, -f.values) if (f.header.parameter, f.header.level_hpa) == ("height", 250.0) else f
        for f in fields()
    ]
    with pytest.raises(BadFileError, match="250 hPa is not above 500 hPa"):
        assemble(crossed)


def test_a_wind_faster_than_any_on_earth_is_refused() -> None:
    damaged = [Field(f.header, f.values * 100.0) if f.header.parameter == "u" else f for f in fields()]
    with pytest.raises(BadFileError, match="damaged"):
        assemble(damaged)


def test_heights_above_the_reach_of_int16_stay_float32() -> None:
    arrays = stacked([assemble(fields((100.0, 0.01)))], 1)
    assert arrays.heights.dtype == np.float32
    assert arrays.heights_step == 1.0
    assert np.allclose(arrays.heights[:, :-1, 1, 0], truth("height", 0.01), rtol=1e-6)


def test_a_slice_with_other_levels_is_refused_by_level() -> None:
    with pytest.raises(BadFileError, match="500 hPa not in both"):
        stacked([assemble(fields()), assemble(fields((1000.0, 250.0), hour=6.0))], 2)


def test_thinning_keeps_every_second_row_and_column() -> None:
    field = fields()[0]
    assert np.array_equal(thinned(field, 90.0).values, field.values[::3, ::3])
    with pytest.raises(InvalidRequestError, match="45 apart"):
        thinned(field, 45.0)


# --- the command


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a folder that has its elevation already."""
    folder = tmp_path / "store"
    folder.mkdir()
    np.save(folder / "worldelev.npy", np.zeros((2, 4), np.int16))
    return folder


def test_the_member_file_holds_what_the_messages_hold(tmp_path: Path, store: Path) -> None:
    levels, hours = (1000.0, 700.0, 250.0, 10.0), (0, 3, 6)
    path = forecast(tmp_path / "f", levels, hours)
    assert main(["--out", str(store), str(path)]) == DONE
    assert (store / "whichgefs").read_text() == "2025010106\n"
    with np.load(store / "2025010106_00.npz") as made:
        data, heights = made["data"].astype(float), made["heights"] * made["heights_step"]
        assert made["levels"].tolist() == list(levels)
        assert (made["timestamp"], made["interval"]) == (REFERENCE, 3 * HOUR)
        origin = str(made["origin"])
    assert data.shape == (ROWS, COLUMNS + 1, 4, 3, 2)
    for (index, level), (time, hour) in ((a, b) for a in enumerate(levels) for b in enumerate(hours)):
        for component, name in enumerate("uv"):
            expected = truth(name, level, hour)
            error = np.abs(data[:, :-1, index, time, component] - expected)
            assert np.all(error <= PACKED + HALF * np.abs(expected))
        assert np.abs(heights[:, :-1, index, time] - truth("height", level, hour)).max() <= STEP_ERROR
    assert np.array_equal(data[:, -1], data[:, 0])
    assert np.array_equal(heights[:, -1], heights[:, 0])
    assert "valid 2025-01-01 06:00 UTC, to" in origin
    assert "valid 2025-01-01 12:00 UTC" in origin
    assert "restamped" not in origin
    assert zipfile.ZipFile(store / "2025010106_00.npz").testzip() is None


def test_a_single_time_is_repeated_and_restamped_and_the_origin_says_so(tmp_path: Path, store: Path) -> None:
    path = forecast(tmp_path / "f", hours=(72,))
    arguments = [
        "--cycle",
        "2026112406",
        "--repeat",
        "4",
        "--interval",
        "7200",
        "--out",
        str(store),
        str(path),
    ]
    assert main(arguments) == DONE
    with np.load(store / "2026112406_00.npz") as made:
        assert (made["timestamp"], made["interval"]) == (
            datetime(2026, 11, 24, 6, tzinfo=UTC).timestamp(),
            7200.0,
        )
        assert made["data"].shape[3] == 4
        assert np.array_equal(made["data"], np.broadcast_to(made["data"][:, :, :, :1], made["data"].shape))
        assert np.array_equal(
            made["heights"], np.broadcast_to(made["heights"][..., :1], made["heights"].shape)
        )
        assert str(made["origin"]) == (
            "NCEP GFS, run of 2025-01-01 06:00 UTC, valid 2025-01-04 06:00 UTC, "
            "repeated in 4 slices 2 h apart; restamped to 2026-11-24 06:00 UTC; heights rounded to 2 m"
        )


def test_files_joined_by_commas_are_one_member_whatever_their_order(tmp_path: Path, store: Path) -> None:
    late, early = forecast(tmp_path / "late", hours=(6,)), forecast(tmp_path / "early", hours=(0,))
    extra = written(
        tmp_path / "extra", *(message(name, 500.0, hour=h) for h in (0, 6) for name in ("u", "v"))
    )
    other = forecast(tmp_path / "other", (1000.0, 500.0, 250.0), hours=(0, 6))
    assert main(["--out", str(store), f"{late},{extra},{early}", str(other)]) == DONE
    with np.load(store / "2025010106_00.npz") as split, np.load(store / "2025010106_01.npz") as whole:
        assert np.array_equal(split["data"], whole["data"])
        assert split["levels"].tolist() == [1000.0, 500.0, 250.0]
        assert "heights of 500 hPa interpolated in ln p" in str(split["origin"])


def refusal(capsys: pytest.CaptureFixture[str], store: Path, *arguments: str) -> str:
    """Return what the command says when it fails; nothing may have been published."""
    assert main(["--out", str(store), *arguments]) == FAILED
    assert sorted(path.name for path in store.iterdir()) == ["worldelev.npy"]
    return capsys.readouterr().err


def test_a_swapped_time_is_refused(tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again = forecast(tmp_path / "f000"), forecast(tmp_path / "f006")  # both of hour 0
    assert "twice" in refusal(capsys, store, f"{first},{again}")


def test_times_unequally_spaced_are_refused(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = forecast(tmp_path / "f", hours=(0, 3, 9))
    assert "not equally spaced: 2025-01-01 06:00 UTC, " in refusal(capsys, store, str(path))


def test_members_of_different_span_are_refused(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = forecast(tmp_path / "a", hours=(0, 3)), forecast(tmp_path / "b", hours=(0, 3, 6))
    assert "member 1 has 3 slices" in refusal(capsys, store, *map(str, paths))


def test_a_level_missing_at_one_time_is_refused(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = forecast(tmp_path / "a", (1000.0, 500.0, 250.0)), forecast(tmp_path / "b", hours=(3,))
    assert "500 hPa not in both" in refusal(capsys, store, ",".join(map(str, paths)))


def test_a_time_that_is_no_cycle_s_hour_needs_a_cycle(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--cycle" in refusal(capsys, store, str(forecast(tmp_path / "f", hours=(3,))))


def test_repeating_several_times_is_refused(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = forecast(tmp_path / "f", hours=(0, 3))
    assert "--repeat" in refusal(capsys, store, "--repeat", "3", str(path))


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "absent.grb" in refusal(capsys, store, str(tmp_path / "absent.grb"))


def test_a_cycle_that_is_there_is_replaced_only_on_request(tmp_path: Path, store: Path) -> None:
    path = forecast(tmp_path / "f")
    assert main(["--out", str(store), str(path), str(path)]) == DONE
    before = (store / "2025010106_00.npz").read_bytes()
    assert main(["--out", str(store), "--repeat", "2", str(path)]) == FAILED
    assert (store / "2025010106_00.npz").read_bytes() == before
    assert main(["--out", str(store), "--repeat", "2", "--replace", str(path)]) == DONE
    assert (store / "2025010106_00.npz").read_bytes() != before
    assert not (store / "2025010106_01.npz").exists(), (
        "no member of the former cycle may stay among the new ones"
    )


def test_the_grid_can_be_thinned(tmp_path: Path, store: Path) -> None:
    assert (
        main(["--out", str(store), "--resolution", "45", "--repeat", "2", str(forecast(tmp_path / "f"))])
        == FAILED
    )
    assert (
        main(["--out", str(store), "--resolution", "90", "--repeat", "2", str(forecast(tmp_path / "f"))])
        == DONE
    )
    with np.load(store / "2025010106_00.npz") as made:
        assert made["data"].shape == (3, 5, 2, 2, 2)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--out", "x"], ["--out", "x", "--cycle", "2026112405", "f"], ["--out", "x", "--repeat", "1", "f"]],
)
def test_wrong_usage_exits_with_3(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == USAGE


def test_an_empty_folder_gets_elevation_too_and_the_line_to_fly_in_it(tmp_path: Path) -> None:
    root, folder = Path(__file__).resolve().parent.parent, tmp_path / "new store"
    command = [
        sys.executable,
        "-m",
        "scripts.grib_to_members",
        "--out",
        str(folder),
        str(forecast(tmp_path / "f")),
    ]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert f"HABSIM_STORE='{folder}' HABSIM_MEMBERS=1 scripts/serve" in run.stdout
    assert np.load(folder / "worldelev.npy", mmap_mode="r").dtype == np.int16
