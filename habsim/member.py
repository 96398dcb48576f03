"""The layout of a member file: where the arrays lie in an uncompressed NPZ, and how to write one.

    data       float16 (lat, lon, level, time, 2)   u, v in m/s; lat +90 to -90, lon 0 to 360 inclusive
    levels     (level,) hPa, strictly monotonic
    timestamp  Unix time of the first slice
    interval   seconds between slices
    heights    optional, float32 (m) or int16 (steps of heights_step m), (lat, lon, level, time)
    origin     optional text

Nothing is decompressed or copied: a `Layout` says at which byte each big array starts, so that the file can
be mapped in place or read by range.
"""

import math
import os
import tokenize
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from habsim.arrays import Floats
from habsim.errors import BadFileError

WIND = np.dtype("<f2")
HEIGHT_TYPES = (np.dtype("<f4"), np.dtype("<i2"))
_LOCAL_HEADER = 30  # bytes before the name in a zip's local header; APPNOTE.TXT 4.3.7
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold: equal contents give equal bytes
_BAND = 32 << 20  # bytes, joined at once
_DAMAGE = (  # what zipfile and NumPy raise at headers that make no sense
    zipfile.BadZipFile, NotImplementedError, tokenize.TokenError, SyntaxError, TypeError, ValueError,
    EOFError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """One member file's contents; offsets are bytes from the file's start."""

    shape: tuple[int, int, int, int]  # (lat, lon, level, time)
    levels_hpa: Floats
    start: float
    interval: float
    data_offset: int
    heights_offset: int | None
    heights_type: np.dtype[np.generic] | None
    heights_step: float
    origin: str | None

    @property
    def end(self) -> float:
        """Unix time of the last slice."""
        return self.start + self.interval * (self.shape[3] - 1)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One array of the NPZ, not yet read."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    fortran: bool

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def parse(stream: BinaryIO, name: str) -> Layout:
    """Return the layout of the member file in `stream` (seekable); `name` is for messages.

    Raises `BadFileError` naming the file and the fault if it is truncated, compressed, lacks a key, or has
    arrays of another type or shape than the layout above.
    """
    try:
        entries = dict(_entries(stream, name))
        return _layout(stream, entries, name)
    except _DAMAGE as error:
        raise BadFileError(f"wind file {name} is damaged or truncated: {error}") from error


def verify(stream: BinaryIO, name: str) -> None:
    """Raise `BadFileError` unless each array in `stream` has the checksum (CRC-32) that comes with it."""
    try:
        with zipfile.ZipFile(stream) as archive:
            damaged = archive.testzip()
    except _DAMAGE as error:
        raise BadFileError(f"wind file {name} is damaged or truncated: {error}") from error
    if damaged is not None:
        raise BadFileError(f"wind file {name} is damaged: {damaged} has not the checksum it claims")


def _entries(stream: BinaryIO, name: str) -> Iterator[tuple[str, _Entry]]:
    end = stream.seek(0, os.SEEK_END)
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            key = info.filename.removesuffix(".npy")
            if info.compress_type != zipfile.ZIP_STORED:
                raise BadFileError(f"wind file {name} is compressed: {key!r} must be stored (np.savez)")
            stream.seek(info.header_offset)
            local = stream.read(_LOCAL_HEADER)
            if len(local) < _LOCAL_HEADER or local[:4] != b"PK\3\4":
                raise BadFileError(f"wind file {name} is damaged: no local header for {key!r}")
            extent = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
            start = info.header_offset + _LOCAL_HEADER + extent
            stream.seek(start)
            version = npy.read_magic(stream)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read_header(stream)
            entry = _Entry(stream.tell(), shape, dtype, fortran)
            if entry.offset - start + entry.nbytes != info.file_size or entry.dtype.hasobject:
                raise BadFileError(f"wind file {name} is damaged: {key!r} has not the size it claims")
            if entry.offset + entry.nbytes > end:
                raise EOFError(f"the file ends inside {key!r}")
            yield key, entry


def _layout(stream: BinaryIO, entries: dict[str, _Entry], name: str) -> Layout:
    for key in ("data", "levels", "timestamp", "interval"):
        if key not in entries:
            raise BadFileError(f"wind file {name} lacks the array {key!r}")
    data, heights = entries["data"], entries.get("heights")
    if data.dtype != WIND or data.fortran:
        raise BadFileError(f"wind file {name}: 'data' must be float16 in C order, not {data.dtype}")
    if (
        len(data.shape) != 5
        or data.shape[4] != 2
        or data.shape[0] < 2
        or data.shape[1] < 2
        or 0 in data.shape
    ):
        raise BadFileError(f"wind file {name}: 'data' is {data.shape}, not (lat, lon, level, time, 2)")
    shape = data.shape[:4]
    levels = np.atleast_1d(_small(stream, entries["levels"], name, "levels"))
    if levels.shape != (shape[2],):
        raise BadFileError(f"wind file {name}: {levels.shape} 'levels' for {shape[2]} in 'data'")
    steps = np.diff(levels)
    if (
        not (np.all(steps > 0) or np.all(steps < 0))
        or not np.all(levels > 0)
        or not np.all(np.isfinite(levels))
    ):
        raise BadFileError(
            f"wind file {name}: 'levels' are not positive and strictly monotonic: {levels.tolist()}"
        )
    start, interval = (_scalar(stream, entries[key], name, key) for key in ("timestamp", "interval"))
    if interval <= 0:
        raise BadFileError(f"wind file {name}: 'interval' is {interval} s")
    if heights is not None and (
        heights.shape != shape or heights.dtype not in HEIGHT_TYPES or heights.fortran
    ):
        raise BadFileError(
            f"wind file {name}: 'heights' must be float32 or int16 {shape}, "
            f"not {heights.dtype} {heights.shape}"
        )
    step = (
        _scalar(stream, entries["heights_step"], name, "heights_step") if "heights_step" in entries else 1.0
    )
    if step <= 0:
        raise BadFileError(f"wind file {name}: 'heights_step' is {step} m")
    return Layout(
        shape=shape,
        levels_hpa=levels,
        start=start,
        interval=interval,
        data_offset=data.offset,
        heights_offset=None if heights is None else heights.offset,
        heights_type=None if heights is None else heights.dtype,
        heights_step=step if heights is not None and heights.dtype.kind == "i" else 1.0,
        origin=_text(stream, entries["origin"], name) if "origin" in entries else None,
    )


def _small(stream: BinaryIO, entry: _Entry, name: str, key: str) -> Floats:
    if entry.dtype.kind not in "iuf" or entry.nbytes > 1 << 16:
        raise BadFileError(f"wind file {name}: {key!r} must be numbers, not {entry.dtype} {entry.shape}")
    return np.frombuffer(_bytes(stream, entry), entry.dtype).reshape(entry.shape).astype(float)


def _scalar(stream: BinaryIO, entry: _Entry, name: str, key: str) -> float:
    values = _small(stream, entry, name, key).ravel()
    if values.size != 1 or not np.isfinite(values[0]):
        raise BadFileError(f"wind file {name}: {key!r} must be one finite number, not {values.tolist()[:4]}")
    return float(values[0])


def _text(stream: BinaryIO, entry: _Entry, name: str) -> str:
    if entry.dtype.kind not in "US" or math.prod(entry.shape) != 1 or entry.nbytes > 1 << 16:
        raise BadFileError(f"wind file {name}: 'origin' must be one text")
    value = np.frombuffer(_bytes(stream, entry), entry.dtype)[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _bytes(stream: BinaryIO, entry: _Entry) -> bytes:
    stream.seek(entry.offset)
    content = stream.read(entry.nbytes)
    if len(content) != entry.nbytes:
        raise EOFError("the file ends inside an array")
    return content


def write(
    stream: BinaryIO,
    data: NDArray[np.float16],
    levels_hpa: Floats,
    start: float,
    interval: float,
    heights: NDArray[np.generic] | None = None,
    heights_step: float = 1.0,
    origin: str | None = None,
) -> None:
    """Write a member file to `stream`; arrays as in the table above.

    The same arrays give the same bytes.  `data` comes first and at an even offset; the small arrays come
    last, within the final kilobyte.
    """
    arrays: dict[str, NDArray[np.generic]] = {"data": np.ascontiguousarray(data, WIND)}
    if heights is not None:
        arrays["heights"] = np.ascontiguousarray(heights)
        if heights_step != 1.0:
            arrays["heights_step"] = np.asarray(float(heights_step))
    arrays["levels"] = np.asarray(levels_hpa, float)
    arrays["timestamp"] = np.asarray(float(start))
    arrays["interval"] = np.asarray(float(interval))
    if origin is not None:
        arrays["origin"] = np.asarray(origin)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for key, array in arrays.items():
            with _entry(archive, key) as entry:
                npy.write_array(entry, array, allow_pickle=False)


def join(stream: BinaryIO, paths: Sequence[Path], start: float, interval: float, origin: str) -> None:
    """Write a member file to `stream` whose slices are those of the member files at `paths`, in turn.

    Their grids, levels and kinds of heights must be those of the first; their times do not count.  Memory for
    a few rows of the grid is enough for files of any size.
    """
    layouts = []
    for path in paths:
        with path.open("rb") as part:
            layouts.append(parse(part, path.name))
    first = layouts[0]
    for path, layout in zip(paths, layouts, strict=True):
        same = layout.shape[:3] == first.shape[:3] and np.array_equal(layout.levels_hpa, first.levels_hpa)
        if not same or (layout.heights_type, layout.heights_step) != (first.heights_type, first.heights_step):
            raise BadFileError(f"{path.name} has not the grid, levels and heights of {paths[0].name}")
    small: dict[str, NDArray[np.generic]] = {}
    if first.heights_step != 1.0:
        small["heights_step"] = np.asarray(first.heights_step)
    small["levels"] = first.levels_hpa
    small["timestamp"] = np.asarray(float(start))
    small["interval"] = np.asarray(float(interval))
    small["origin"] = np.asarray(origin)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        with _entry(archive, "data") as entry:
            _write_joined(entry, [winds(path, each) for path, each in zip(paths, layouts, strict=True)])
        if first.heights_type is not None:
            with _entry(archive, "heights") as entry:
                _write_joined(entry, [heights(path, each) for path, each in zip(paths, layouts, strict=True)])
        for key, array in small.items():
            with _entry(archive, key) as entry:
                npy.write_array(entry, array, allow_pickle=False)


def winds(path: Path, layout: Layout) -> NDArray[np.float16]:
    """Return the winds (lat, lon, level, time, 2) of the file at `path`, mapped read-only."""
    return np.memmap(path, WIND, "r", layout.data_offset, (*layout.shape, 2))


def heights(path: Path, layout: Layout) -> NDArray[np.generic]:
    """Return the heights (lat, lon, level, time) of the file at `path`, as stored, mapped read-only."""
    if layout.heights_offset is None or layout.heights_type is None:
        raise BadFileError(f"wind file {path.name} has no heights")
    return np.memmap(path, layout.heights_type, "r", layout.heights_offset, layout.shape)


def _entry(archive: zipfile.ZipFile, key: str) -> IO[bytes]:
    """Return the stream of a new array `key`, of any size, of the NPZ."""
    return archive.open(zipfile.ZipInfo(f"{key}.npy", _EPOCH), "w", force_zip64=True)


def _write_joined(entry: IO[bytes], parts: Sequence[NDArray[np.generic]]) -> None:
    """Write `parts` as one array, joined along their fourth axis, time."""
    times = sum(part.shape[3] for part in parts)
    shape = (*parts[0].shape[:3], times, *parts[0].shape[4:])
    header = {"descr": npy.dtype_to_descr(parts[0].dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(entry, header)
    rows = max(1, _BAND * shape[0] // (math.prod(shape) * parts[0].itemsize))
    for row in range(0, shape[0], rows):
        band = np.concatenate([part[row : row + rows] for part in parts], axis=3)
        entry.write(band.data.cast("B"))
