"""The gazetteer: towns by name, from GeoNames (CC BY 4.0), offline.

Names are compared without accents, case and punctuation.  Lines lie in one text, the largest towns first, so
that the first matches are the best ones.
"""

import lzma
import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from habsim.arrays import Floats
from habsim.earth import RADIUS, unit_vectors

EMBEDDED = Path(__file__).parent / "embedded" / "places.tsv.xz"
MOST = 10  # places in an answer
FEW, NEAR = 3, 50_000.0  # places near another, and how near (m)
_ABROAD = {"uk": "gb"}  # what people call a country that ISO 3166 calls otherwise


@dataclass(frozen=True, slots=True)
class Place:
    """A town; `admin` is the state in the USA, else empty, `country` an ISO 3166 code."""

    name: str
    admin: str
    country: str
    lat: float  # degrees
    lon: float
    population: int

    def as_json(self) -> dict[str, str | float]:
        """Return what users see."""
        return asdict(self)


def line(place: Place) -> str:
    """Return `place` as a line of the gazetteer's file."""
    where = f"{place.lat:.5f}\t{place.lon:.5f}\t{place.population}"
    return f"{place.name}\t{place.admin}\t{place.country}\t{where}\n"


def folded(text: str) -> str:
    """Return `text` as names are compared: letters and digits without accents, single blanks."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("'", "").replace("’", ""))
    words = re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c)))
    return " ".join("st" if word == "saint" else word for word in words)


class Gazetteer:
    """Towns, found by the beginnings of the words of their names."""

    def __init__(self, text: str) -> None:
        """Take the lines of `text`."""
        self._text = text
        self._lines, self._starts = array("I", [0]), array("I", [0])  # where each begins, and the last ends
        keys = []
        for entry in text.splitlines(keepends=True):
            name, admin, country = entry.split("\t", 3)[:3]
            keys.append(f"\n{folded(name)}\t{admin.lower()}\t{country.lower()}")
            self._lines.append(self._lines[-1] + len(entry))
            self._starts.append(self._starts[-1] + len(keys[-1]))
        self._keys = "".join(keys)
        self._vectors: Floats | None = None

    def search(self, asked: str, most: int = MOST) -> list[Place]:
        """Return places that `asked` may mean: a name or its beginning, perhaps a comma and a region.

        First those of that very name, then those whose names begin with it, then those with a later word that
        does; among equals the larger first.  A state or country in which there is none is not minded.
        """
        name, _, region = asked.partition(",")
        words, region = folded(name), folded(region)
        if not words:
            return []
        return self._search(words, _ABROAD.get(region, region), most) or self._search(words, "", most)

    def near(self, lat: float, lon: float) -> list[tuple[Place, float]]:
        """Return the places nearest to a position (degrees), not far, with their distances (m)."""
        if self._vectors is None:
            towns = [self._place(number) for number in range(len(self._lines) - 1)]
            self._vectors = unit_vectors(
                np.array([town.lat for town in towns]), np.array([town.lon for town in towns])
            )
        chord = np.sqrt(np.sum((self._vectors - unit_vectors(np.array(lat), np.array(lon))) ** 2, axis=1))
        distance = 2.0 * RADIUS * np.arcsin(np.minimum(0.5 * chord, 1.0))
        few = min(FEW, len(distance))
        nearest = np.argpartition(distance, few - 1)[:few]
        nearest = nearest[np.argsort(distance[nearest])]
        return [(self._place(int(n)), float(distance[n])) for n in nearest if distance[n] <= NEAR]

    def _search(self, words: str, region: str, most: int) -> list[Place]:
        found: dict[int, None] = {}
        for pattern in (f"\n{words}\t", f"\n{words}", f" {words}"):
            for number in self._matches(pattern, region):
                found[number] = None
                if len(found) == most:
                    return [self._place(each) for each in found]
        return [self._place(each) for each in found]

    def _matches(self, pattern: str, region: str) -> Iterator[int]:
        """Yield the lines with `pattern` in the name, of the state or country `region` if it is given."""
        at = self._keys.find(pattern)
        while at >= 0:
            number = bisect_right(self._starts, at) - 1
            _, admin, country = self._keys[self._starts[number] : self._starts[number + 1]].split("\t")
            if not region or region in (admin, country):
                yield number
            at = self._keys.find(pattern, at + 1)

    def _place(self, number: int) -> Place:
        name, admin, country, lat, lon, population = self._text[
            self._lines[number] : self._lines[number + 1]
        ].split("\t")
        return Place(name, admin, country, float(lat), float(lon), int(population))


@cache
def gazetteer() -> Gazetteer:
    """Return the embedded gazetteer, read when it is first asked for."""
    return Gazetteer(lzma.decompress(EMBEDDED.read_bytes()).decode())
