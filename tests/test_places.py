"""The gazetteer: what people type, and what they mean."""

import pytest

from habsim.places import MOST, Gazetteer, Place, folded, gazetteer, line

TOWNS = [
    Place("Springfield", "MO", "US", 37.2, -93.3, 167_000),
    Place("Saint-Étienne", "", "FR", 45.43, 4.39, 172_000),
    Place("Springfield", "IL", "US", 39.8, -89.6, 116_000),
    Place("West Springfield", "MA", "US", 42.1, -72.6, 28_000),
    Place("Springfield Gardens", "NY", "US", 40.66, -73.76, 40_000),
    Place("Ko'olina", "HI", "US", 21.34, -158.12, 1_500),
    Place("São Paulo", "", "BR", -23.5, -46.6, 10_000_000),
]
SMALL = Gazetteer("".join(map(line, sorted(TOWNS, key=lambda town: -town.population))))


def found(asked: str) -> list[tuple[str, str]]:
    return [(place.name, place.admin) for place in SMALL.search(asked)]


def test_the_very_name_comes_first_then_beginnings_then_later_words_and_larger_before_smaller() -> None:
    assert found("springfield") == [
        ("Springfield", "MO"),
        ("Springfield", "IL"),
        ("Springfield Gardens", "NY"),
        ("West Springfield", "MA"),
    ]


@pytest.mark.parametrize("asked", ["Springfield, IL", "springfield,il", "  SPRINGFIELD ,  Il "])
def test_after_a_comma_a_state_narrows(asked: str) -> None:
    assert found(asked) == [("Springfield", "IL")]


def test_after_a_comma_a_country_narrows() -> None:
    assert [place.country for place in SMALL.search("s, fr")] == ["FR"]
    assert len(SMALL.search("spring, us")) == 4


@pytest.mark.parametrize("asked", ["saint etienne", "Saint-Étienne", "SAINT-ETIENNE", "etienne", "saint é"])
def test_accents_case_and_hyphens_do_not_count(asked: str) -> None:
    assert found(asked) == [("Saint-Étienne", "")]


def test_a_region_without_such_a_town_is_not_minded() -> None:
    assert found("springfield, california") == found("springfield")
    assert gazetteer().search("london, uk")[0].country == "GB"


def test_saint_and_st_are_the_same() -> None:
    assert found("st. etienne") == [("Saint-Étienne", "")]
    assert gazetteer().search("saint louis, mo")[0].name == "St. Louis"


def test_the_nearest_towns_come_with_their_distance() -> None:
    """A hundredth of a degree of latitude is 1112 m."""
    (town, distance), *others = SMALL.near(45.44, 4.39)
    assert (town.name, others) == ("Saint-Étienne", [])
    assert distance == pytest.approx(1112.0, abs=1.0)
    assert SMALL.near(0.0, 0.0) == []
    near = gazetteer().near(37.3387, -121.8853)
    assert near[0][0].name == "San Jose"
    assert [way for _, way in near] == sorted(way for _, way in near)


def test_apostrophes_do_not_count() -> None:
    assert found("koolina") == found("Ko'olina") == found("ko’olina") == [("Ko'olina", "HI")]


@pytest.mark.parametrize("asked", ["", " ", ",", ", il", "\n", "\t", "*", ".", "[", "(", "\\"])
def test_what_holds_no_letter_finds_nothing(asked: str) -> None:
    assert SMALL.search(asked) == []


@pytest.mark.parametrize("asked", ["springfield\tmo", "springfield\nspringfield"])
def test_no_text_reaches_into_other_columns_or_lines(asked: str) -> None:
    assert SMALL.search(asked) == []


def test_a_place_comes_back_as_it_is() -> None:
    assert SMALL.search("sao paulo") == [TOWNS[-1]]


def test_no_more_than_ten_come_back() -> None:
    assert len(gazetteer().search("s")) == MOST


@pytest.mark.parametrize(
    ("asked", "country", "lat", "lon"),
    [("San Jose, CA", "US", 37.34, -121.89), ("Zürich", "CH", 47.37, 8.55), ("Fukuoka", "JP", 33.6, 130.42)],
)
def test_the_embedded_gazetteer_knows_towns(asked: str, country: str, lat: float, lon: float) -> None:
    first = gazetteer().search(asked)[0]
    assert first.country == country
    assert (first.lat, first.lon) == pytest.approx(
        (lat, lon), abs=0.05
    )  # a town's centre is a matter of taste


def test_folding_leaves_letters_and_digits_of_all_scripts() -> None:
    assert folded("Ærø  9, 東京!") == "ærø 9 東京"
