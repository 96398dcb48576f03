"""Messages on their way: the wanted bytes of a GRIB2 file, laid end to end in a file of the work folder.

The length of the spool says how far it has come, so that after a kill it goes on at the next byte.  A whole
one is checked message by message; which field each holds is for the decoder to check.

    07_003.a.0.idx    the inventory, as fetched from host 0
    07_003.a.0.grb    the spool
"""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from habsim.errors import BadFileError
from habsim.files import publish
from scripts.downloader.hosts import Host
from scripts.downloader.inventory import Segment, bounded, merged, parse, remaining, segments
from scripts.downloader.plan import LEVELS_HPA

Advance = Callable[[int], object]
_INDICATOR = struct.Struct(">4s3xBQ")  # "GRIB", reserved and discipline, edition, length: section 0


def fetch(host: Host, path: str, product: str, heights: bool, spool: Path, advance: Advance) -> Path:
    """Return `spool`, now with all wanted messages of the file at `path` of `host`.

    `advance` is told how many bytes have come.  Raises `BadFileError`, leaving nothing, if inventory or file
    are damaged or do not match.
    """
    listing = spool.with_suffix(".idx")
    try:
        if not listing.exists():
            text = host.text(f"{path}.idx")
            publish(listing, lambda stream: stream.write(text.encode()), durable=False)
        inventory = parse(listing.read_text("utf-8"))
        records = inventory.select(LEVELS_HPA[product], heights)
        if any(record.end is None for record in records):
            records = bounded(records, host.size(path))
        messages = segments(records)
        host.persistently(lambda: _go_on(host, path, messages, inventory.last, spool, advance))
        _check(spool, messages)
    except BadFileError as error:
        discard(spool)
        raise BadFileError(f"{host.address}/{path}: {error}") from error
    return spool


def discard(spool: Path) -> None:
    """Remove a spool and its inventory."""
    spool.unlink(missing_ok=True)
    spool.with_suffix(".idx").unlink(missing_ok=True)


def _go_on(
    host: Host, path: str, messages: Sequence[Segment], least: int, spool: Path, advance: Advance
) -> None:
    """Append to `spool` what it lacks of `messages`; each piece is on its way to the disk at once."""
    with spool.open("ab", buffering=0) as stream:
        for group in merged(remaining(messages, stream.tell()), host.gap):
            place = group[0][0]
            for piece in host.pieces(path, place, group[-1][1], least):
                for first, end in group:
                    part = piece[max(first - place, 0) : max(end - place, 0)]
                    view = memoryview(part)
                    while view:
                        view = view[stream.write(view) :]
                    advance(len(part))
                place += len(piece)


def _check(spool: Path, messages: Sequence[Segment]) -> None:
    """Raise `BadFileError` unless each of `messages` is one whole GRIB2 message."""
    with spool.open("rb") as stream:
        for first, end in messages:
            content = stream.read(end - first)
            if len(content) < _INDICATOR.size:
                raise BadFileError(f"no message at byte {first}: the file is short")
            magic, edition, length = _INDICATOR.unpack_from(content)
            if (magic, edition, length) != (b"GRIB", 2, end - first) or content[-4:] != b"7777":
                raise BadFileError(f"no whole GRIB2 message from byte {first} to {end}")
        if stream.read(1):
            raise BadFileError("more bytes than were asked for")
