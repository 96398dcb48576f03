"""The layout of a member file: what is found in one, and what is refused by name and fault."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from habsim import member
from habsim.errors import BadFileError
from habsim.member import Layout

SHAPE = (3, 5, 2, 4)  # (lat, lon, level, time)
LEVELS = np.array([100.0, 500.0])
NAME = "2026010100_07.npz"


def arrays(**changes: Any) -> dict[str, Any]:
    """Return the arrays of a sound member; a change to None takes one away."""
    data = np.arange(2 * np.prod(SHAPE)).reshape(*SHAPE, 2).astype(np.float16)
    usual = {"data": data, "levels": LEVELS, "timestamp": 1_767_225_600, "interval": 21_600}
    return {key: value for key, value in {**usual, **changes}.items() if value is not None}


def packed(content: dict[str, Any]) -> bytes:
    """Return the bytes of an NPZ as NumPy writes it, in the order of `content`."""
    stream = io.BytesIO()
    np.savez(stream, **content)
    return stream.getvalue()


def parsed(content: bytes) -> Layout:
    return member.parse(io.BytesIO(content), NAME)


def refused(content: bytes) -> str:
    """Return the message with which `content` is refused; it names the file."""
    with pytest.raises(BadFileError) as caught:
        parsed(content)
    assert NAME in str(caught.value)
    return str(caught.value)


def written(**options: Any) -> bytes:
    stream = io.BytesIO()
    member.write(stream, arrays()["data"], LEVELS, 7.0, 3600.0, **options)
    return stream.getvalue()


def array_at(content: bytes, offset: int, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.frombuffer(content, dtype, int(np.prod(shape)), offset).reshape(shape)


def test_a_written_member_is_found_where_the_layout_says() -> None:
    heights = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.int16)
    content = written(heights=heights, heights_step=2.0, origin="a test's wind")
    layout = parsed(content)
    assert layout.shape == SHAPE
    assert (layout.start, layout.interval, layout.end) == (7.0, 3600.0, 7.0 + 3 * 3600.0)
    assert layout.levels_hpa.tolist() == LEVELS.tolist()
    assert (layout.heights_type, layout.heights_step) == (np.dtype(np.int16), 2.0)
    assert layout.origin == "a test's wind"
    assert layout.heights_offset is not None
    np.testing.assert_array_equal(array_at(content, layout.data_offset, "<f2", (*SHAPE, 2)), arrays()["data"])
    np.testing.assert_array_equal(array_at(content, layout.heights_offset, "<i2", SHAPE), heights)


def test_numpy_reads_what_is_written() -> None:
    with np.load(io.BytesIO(written(origin="a test's wind"))) as content:
        assert sorted(content) == ["data", "interval", "levels", "origin", "timestamp"]
        np.testing.assert_array_equal(content["data"], arrays()["data"])
        assert str(content["origin"]) == "a test's wind"


def test_equal_arrays_give_equal_bytes() -> None:
    assert written() == written()


def test_the_small_arrays_lie_in_the_last_kilobyte_and_the_winds_at_an_even_byte() -> None:
    content = written(heights=np.zeros(SHAPE, np.float32))
    layout = parsed(content)
    assert layout.data_offset % 2 == 0
    assert layout.heights_offset is not None
    assert len(content) - (layout.heights_offset + 4 * np.prod(SHAPE)) <= 1100


@pytest.mark.parametrize("first", ["data", "levels", "timestamp", "interval"])
def test_arrays_may_come_in_any_order(first: str) -> None:
    rest = arrays()
    content = packed({first: rest.pop(first), **rest})
    layout = parsed(content)
    np.testing.assert_array_equal(array_at(content, layout.data_offset, "<f2", (*SHAPE, 2)), arrays()["data"])


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint32, np.float32, np.float64])
def test_times_and_levels_may_be_numbers_of_any_kind(kind: type[np.generic]) -> None:
    changes = {"timestamp": np.array([1_767_225_600]).astype(kind), "levels": LEVELS.astype(kind)}
    layout = parsed(packed(arrays(**changes)))
    assert layout.start == float(changes["timestamp"][0])
    assert layout.levels_hpa.tolist() == [100.0, 500.0]


def test_one_level_may_be_a_bare_number() -> None:
    data = arrays()["data"][:, :, :1]
    assert parsed(packed(arrays(data=data, levels=np.float64(500.0)))).levels_hpa.tolist() == [500.0]


def test_heights_step_counts_only_for_whole_numbers() -> None:
    floats = arrays(heights=np.zeros(SHAPE, np.float32), heights_step=2.0)
    assert parsed(packed(floats)).heights_step == 1.0
    assert parsed(packed(arrays(heights_step=2.0))).heights_step == 1.0


def test_an_origin_may_be_bytes() -> None:
    assert parsed(packed(arrays(origin=np.bytes_(b"GEFS \xe2\x84\x96 7")))).origin == "GEFS № 7"


def test_arrays_nobody_asked_for_are_ignored() -> None:
    assert parsed(packed(arrays(remark=np.arange(5)))).shape == SHAPE


@pytest.mark.parametrize("key", ["data", "levels", "timestamp", "interval"])
def test_a_file_without_a_key_is_refused(key: str) -> None:
    assert f"lacks the array {key!r}" in refused(packed(arrays(**{key: None})))


def test_a_compressed_file_is_refused() -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays())
    assert "is compressed" in refused(stream.getvalue())


def heights(*shape: int, kind: str = "f4") -> dict[str, Any]:
    return {"heights": np.zeros(shape, kind)}


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"data": np.zeros((*SHAPE, 2), np.float32)}, "must be float16"),
    ({"data": np.zeros((*SHAPE, 2), ">f2")}, "must be float16"),
    ({"data": np.asfortranarray(np.zeros((*SHAPE, 2), np.float16))}, "C order"),
    ({"data": np.zeros(SHAPE, np.float16)}, "not (lat, lon, level, time, 2)"),
    ({"data": np.zeros((*SHAPE, 3), np.float16)}, "not (lat, lon, level, time, 2)"),
    ({"data": np.zeros((1, 5, 2, 4, 2), np.float16)}, "not (lat, lon, level, time, 2)"),
    ({"data": np.zeros((3, 1, 2, 4, 2), np.float16)}, "not (lat, lon, level, time, 2)"),
    ({"data": np.zeros((3, 5, 2, 0, 2), np.float16)}, "not (lat, lon, level, time, 2)"),
    ({"levels": np.array([100.0, 500.0, 850.0])}, "'levels' for 2 in 'data'"),
    ({"levels": np.array([[100.0, 500.0]])}, "'levels' for 2 in 'data'"),
    ({"levels": np.array([500.0, 500.0])}, "not positive and strictly monotonic"),
    ({"levels": np.array([0.0, 500.0])}, "not positive and strictly monotonic"),
    ({"levels": np.array([100.0, np.nan])}, "not positive and strictly monotonic"),
    ({"levels": np.array([100.0, np.inf])}, "not positive and strictly monotonic"),
    ({"levels": np.array(["100", "500"])}, "'levels' must be numbers"),
    ({"timestamp": np.nan}, "'timestamp' must be one finite number"),
    ({"timestamp": np.array([1.0, 2.0])}, "'timestamp' must be one finite number"),
    ({"timestamp": np.array("2026-01-01")}, "'timestamp' must be numbers"),
    ({"interval": 0.0}, "'interval' is 0.0 s"),
    ({"interval": -3600.0}, "'interval' is -3600.0 s"),
    (heights(3, 5, 2, 3), "'heights' must be float32 or int16"),
    (heights(*SHAPE, kind="f8"), "'heights' must be float32 or int16"),
    (heights(*SHAPE, kind=">i2"), "'heights' must be float32 or int16"),
    ({**heights(*SHAPE, kind="i2"), "heights_step": 0.0}, "'heights_step' is 0.0 m"),
    ({"origin": np.array(["two", "texts"])}, "'origin' must be one text"),
    ({"origin": 7.0}, "'origin' must be one text"),
]


@pytest.mark.parametrize(("changes", "fault"), FAULTS)
def test_an_array_of_the_wrong_kind_is_refused(changes: dict[str, Any], fault: str) -> None:
    assert fault in refused(packed(arrays(**changes)))


def test_levels_out_of_order_are_refused() -> None:
    content = arrays(data=np.zeros((3, 5, 3, 4, 2), np.float16), levels=np.array([100.0, 850.0, 500.0]))
    assert "strictly monotonic" in refused(packed(content))


def test_an_array_of_objects_is_refused() -> None:
    content = arrays(origin=np.array({"a": 1}, object))
    assert "'origin'" in refused(packed(content))


def test_a_file_that_ends_early_is_refused_wherever_it_ends() -> None:
    content = written(heights=np.zeros(SHAPE, np.int16), origin="a test's wind")
    for length in range(len(content)):
        refused(content[:length])


def test_a_file_that_lost_some_bytes_in_its_middle_is_refused() -> None:
    content = written()
    layout = parsed(content)
    for lost in (1, 2, 100):
        refused(content[: layout.data_offset] + content[layout.data_offset + lost :])


def test_an_array_that_claims_to_go_on_past_the_end_of_the_file_is_refused() -> None:
    """Reading it through the map would kill the process."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for key, array in arrays(data=None).items():
            with archive.open(f"{key}.npy", "w") as entry:
                np.save(entry, np.asarray(array))
        header = io.BytesIO()
        shape = (181, 361, 2, 65, 2)
        np.lib.format.write_array_header_1_0(header, {"descr": "<f2", "fortran_order": False, "shape": shape})
        archive.writestr("data.npy", header.getvalue())
        archive.infolist()[-1].file_size += 2 * int(np.prod(shape))
    refused(stream.getvalue())


def test_no_damaged_byte_gives_another_error_or_an_array_outside_the_file() -> None:
    content = written(heights=np.zeros(SHAPE, np.int16), heights_step=2.0, origin="a test's wind")
    random = np.random.default_rng(7)
    values = np.frombuffer(b"()[]{}',:0123456789\n\\-<>|\x00\xff", np.uint8)
    for _ in range(4000):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[random.integers(len(content), size=3)] = random.choice(values, 3)
        try:
            layout = parsed(damaged.tobytes())
        except BadFileError:
            continue
        assert layout.data_offset + 4 * np.prod(layout.shape) <= len(content)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\5\6" + bytes(18)])
def test_what_is_no_npz_is_refused(content: bytes) -> None:
    refused(content)


def test_numpys_own_archives_are_read_from_disk(tmp_path: Path) -> None:
    np.savez(tmp_path / NAME, **arrays())
    with (tmp_path / NAME).open("rb") as stream:
        assert member.parse(stream, NAME).shape == SHAPE


def test_every_damaged_byte_of_an_array_is_found_by_its_checksum() -> None:
    content = written()
    layout = parsed(content)
    member.verify(io.BytesIO(content), "m.npz")
    for at in range(layout.data_offset, layout.data_offset + 2 * int(np.prod(layout.shape)) * 2):
        damaged = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        with pytest.raises(BadFileError, match=r"m\.npz is damaged: data\.npy has not the checksum"):
            member.verify(io.BytesIO(damaged), "m.npz")
