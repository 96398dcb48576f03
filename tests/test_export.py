import csv
import json
import re
import xml.etree.ElementTree as ElementTree
from datetime import datetime
from typing import Any

import pytest

from habsim import export
from habsim.export_scene import rfc3339

T0 = 1795543200  # 2026-11-24T18:00:00Z
NAMESPACES = {"k": "http://www.opengis.net/kml/2.2", "gx": "http://www.google.com/kml/ext/2.2"}
SPREAD = (
    "Spread of {} forecasts and small launch variations; errors of burst height and rates are not included; "
    "not calibrated on flights."
)
PARAMETERS = {
    "timestamp": float(T0),
    "lat": 37.3553,
    "lon": -121.8763,
    "alt": 24.0,
    "equil": 30000.0,
    "eqtime": 0.5,
    "asc": 5.0,
    "desc": 6.0,
    "coeff": 1.0,
    "descent_model": "constant",
    "detail": "places",
}
SQUARE = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]]
HOLE = [[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 1.0], [1.0, 1.0]]
ISLAND = [[6.0, 0.0], [7.0, 0.0], [7.0, 1.0], [6.0, 0.0]]

START = [37.3553, -121.8763, 24.0, T0]
BURST = [37.4, -121.7, 30000.0, T0 + 5995.2]
CUT_DOWN = [37.41, -121.6, 30000.0, T0 + 7795.2]
LANDED = [37.5, -121.5, 61.5, T0 + 12785.03]
FLOWN = {
    "phases": [[START, BURST], [BURST, CUT_DOWN], [CUT_DOWN, LANDED]],
    "gefs": "2026112406",
    "demo": False,
}


def flight(**changes: Any) -> dict[str, Any]:
    return {**FLOWN, **changes}


def single(**changes: Any) -> dict[str, Any]:
    return {**PARAMETERS, "model": 7, **changes}


def ensemble(**changes: Any) -> dict[str, Any]:
    """Members 0 and 2 landed, member 1 has no data; member 2 does not float."""
    other = [37.6, -121.4, 10.0, T0 + 9000]
    return {
        "paths": [[START, BURST, CUT_DOWN, LANDED], None, [START, BURST, other]],
        "phases": [[1, 2], None, [1, 1]],
        "heatmap_data": [
            [37.5, -121.5, "model_0"],
            [37.6, -121.4, "model_2"],
            [37.55, -121.45, "mc_0_0"],
            [37.56, -121.46, "mc_2_13"],
        ],
        "landings": [[LANDED[2], LANDED[3]], [10.0, T0 + 9000], [30.0, T0 + 7300.5], [12.5, T0 + 9100]],
        "landing": {
            "mean": {"lat": 37.55, "lon": -121.45},
            "likely": {"lat": 37.51, "lon": -121.51},
            "areas": [
                {
                    "level": 0.9,
                    "share": 0.912,
                    "area_km2": 2110.4,
                    "geometry": {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [ISLAND]]},
                }
            ],
        },
        "failed_models": [1],
        "gefs": "2026112406",
        "demo": False,
        "request_id": "a1b2c3d4e5f6",
        **changes,
    }


def crossing(lons: list[float]) -> dict[str, Any]:
    """An ascent at 60 s and 300 m a point, due east or west along latitudes 10, 11, ..."""
    points = [[10.0 + i, lon, 300.0 * i, T0 + 60.0 * i] for i, lon in enumerate(lons)]
    return flight(phases=[points, [], [points[-1]]])


def document(text: str) -> ElementTree.Element:
    found = ElementTree.fromstring(text).find("k:Document", NAMESPACES)
    assert found is not None
    return found


def placemarks(text: str) -> dict[str, ElementTree.Element]:
    found = document(text).findall(".//k:Placemark", NAMESPACES)
    return {mark.findtext("k:name", "", NAMESPACES): mark for mark in found}


def features(text: str, kind: str) -> list[dict[str, Any]]:
    return [feature for feature in json.loads(text)["features"] if feature["properties"]["kind"] == kind]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def ring(element: ElementTree.Element) -> list[list[float]]:
    text = element.findtext("k:LinearRing/k:coordinates", "", NAMESPACES)
    return [[float(number) for number in position.split(",")] for position in text.split()]


def kml_of(kind: str, demo: bool = False) -> str:
    if kind == "flight":
        return export.flight_kml(flight(demo=demo), single())
    return export.ensemble_kml(ensemble(demo=demo), PARAMETERS)


def geojson_of(kind: str, demo: bool = False) -> str:
    if kind == "flight":
        return export.flight_geojson(flight(demo=demo), single())
    return export.ensemble_geojson(ensemble(demo=demo), PARAMETERS)


def csv_of(kind: str, demo: bool = False) -> str:
    return (
        export.flight_csv(flight(demo=demo))
        if kind == "flight"
        else export.ensemble_csv(ensemble(demo=demo), full=False)
    )


def test_a_flights_csv_has_each_point_once_in_the_phase_that_reaches_it() -> None:
    found = rows(export.flight_csv(flight()))
    assert [row["phase"] for row in found] == ["ascent", "ascent", "coast", "descent"]
    assert found[-1] == {
        "time_utc": "2026-11-24T21:33:05.030Z",
        "unix_time": "1795555985.03",
        "latitude": "37.500000",
        "longitude": "-121.500000",
        "altitude_m": "61.5",
        "phase": "descent",
    }


def test_the_two_times_of_a_csv_row_are_the_same_instant() -> None:
    for row in rows(export.flight_csv(flight())):
        instant = datetime.fromisoformat(row["time_utc"]).timestamp()
        assert instant == pytest.approx(float(row["unix_time"]), abs=1e-6)  # double precision at 2e9 s: 2e-7


def test_a_flight_of_one_point_is_a_row_three_marks_and_no_line() -> None:
    landed_at_once = flight(phases=[[], [], [START]])
    assert [row["phase"] for row in rows(export.flight_csv(landed_at_once))] == ["descent"]
    assert set(placemarks(export.flight_kml(landed_at_once, single()))) == {
        "Launch",
        "Burst",
        "Landing, member 7",
    }
    assert features(export.flight_geojson(landed_at_once, single()), "path") == []


def test_a_phase_of_no_duration_is_absent() -> None:
    without_coast = flight(phases=[[START, BURST], [], [BURST, LANDED]])
    assert [row["phase"] for row in rows(export.flight_csv(without_coast))] == ["ascent", "ascent", "descent"]
    assert "Member 7 coast" not in placemarks(export.flight_kml(without_coast, single()))
    paths = features(export.flight_geojson(without_coast, single()), "path")
    assert [path["properties"]["phase"] for path in paths] == ["ascent", "descent"]


def test_an_ensembles_csv_has_the_landings_in_the_heatmaps_order() -> None:
    assert export.ensemble_csv(ensemble(), full=False) == (
        "latitude,longitude,model_id\n"
        "37.500000,-121.500000,model_0\n"
        "37.600000,-121.400000,model_2\n"
        "37.550000,-121.450000,mc_0_0\n"
        "37.560000,-121.460000,mc_2_13\n"
    )


def test_a_full_csv_has_member_variation_altitude_and_time_of_each_landing() -> None:
    found = rows(export.ensemble_csv(ensemble(), full=True))
    assert [(row["model_id"], row["member"], row["variation"]) for row in found] == [
        ("model_0", "0", ""),
        ("model_2", "2", ""),
        ("mc_0_0", "0", "0"),
        ("mc_2_13", "2", "13"),
    ]
    assert (found[2]["altitude_m"], float(found[2]["unix_time"])) == ("30.0", T0 + 7300.5)
    assert found[3]["time_utc"] == rfc3339(T0 + 9100)


def test_a_track_has_a_time_and_a_place_for_every_point() -> None:
    track = placemarks(export.flight_kml(flight(), single()))["Member 7 descent"].find("gx:Track", NAMESPACES)
    assert track is not None
    assert track.findtext("k:altitudeMode", "", NAMESPACES) == "absolute"
    assert [when.text for when in track.findall("k:when", NAMESPACES)] == [
        "2026-11-24T20:09:55.200Z",
        "2026-11-24T21:33:05.030Z",
    ]
    assert [coord.text for coord in track.findall("gx:coord", NAMESPACES)] == [
        "-121.600000 37.410000 30000.0",
        "-121.500000 37.500000 61.5",
    ]


def test_phases_are_blue_orange_and_red() -> None:
    found = document(kml_of("flight"))
    colours = {
        style.get("id"): style.findtext("k:LineStyle/k:color", "", NAMESPACES)
        for style in found.findall("k:Style", NAMESPACES)
    }
    # KML writes aabbggrr: #1769d1, #e07b00 and #c81e1e of the page, opaque.
    assert (colours["ascent"], colours["coast"], colours["descent"]) == ("ffd16917", "ff007be0", "ff1e1ec8")


@pytest.mark.parametrize("kind", ["flight", "ensemble"])
def test_every_style_that_a_placemark_names_exists(kind: str) -> None:
    found = document(kml_of(kind))
    defined = {f"#{style.get('id')}" for style in found.findall("k:Style", NAMESPACES)}
    named = {url.text for url in found.findall(".//k:styleUrl", NAMESPACES)}
    assert named
    assert named <= defined


def test_the_launch_and_burst_are_in_the_air_and_the_landing_on_the_ground() -> None:
    marks = placemarks(export.flight_kml(flight(), single()))
    modes = {name: mark.findtext("k:Point/k:altitudeMode", "", NAMESPACES) for name, mark in marks.items()}
    assert (modes["Launch"], modes["Burst"], modes["Landing, member 7"]) == (
        "absolute",
        "absolute",
        "clampToGround",
    )
    position = marks["Burst"].findtext("k:Point/k:coordinates", "", NAMESPACES)
    assert position == "-121.600000,37.410000,30000.0"


def test_an_ensembles_files_show_every_landing_and_both_centres() -> None:
    marks = placemarks(kml_of("ensemble"))
    assert {name for name in marks if "anding" in name} == {
        "Landing, member 0",
        "Landing, member 2",
        "Landing, member 0, variation 0",
        "Landing, member 2, variation 13",
        "Most likely landing",
        "Mean landing",
    }
    landings = [feature["properties"] for feature in features(geojson_of("ensemble"), "landing")]
    assert landings == [
        {"kind": "landing", "member": 0, "time": "2026-11-24T21:33:05.030Z"},
        {"kind": "landing", "member": 2, "time": "2026-11-24T20:30:00.000Z"},
        {"kind": "landing", "member": 0, "perturbation": 0},
        {"kind": "landing", "member": 2, "perturbation": 13},
    ]
    (likely,) = features(geojson_of("ensemble"), "likely")
    assert likely["geometry"] == {"type": "Point", "coordinates": [-121.51, 37.51]}


def test_a_member_that_failed_has_no_path_and_the_others_keep_their_numbers() -> None:
    paths = [feature["properties"] for feature in features(geojson_of("ensemble"), "path")]
    assert [(path["member"], path["phase"]) for path in paths] == [
        (0, "ascent"),
        (0, "coast"),
        (0, "descent"),
        (2, "ascent"),
        (2, "descent"),
    ]
    assert {name for name in placemarks(kml_of("ensemble")) if name.startswith("Member 2")} == {
        "Member 2 ascent",
        "Member 2 descent",
    }


def test_the_phases_of_a_member_share_their_joining_points() -> None:
    ascent, coast, descent = features(geojson_of("ensemble"), "path")[:3]
    assert ascent["geometry"]["coordinates"][-1] == [-121.7, 37.4, 30000.0]
    assert coast["geometry"]["coordinates"] == [[-121.7, 37.4, 30000.0], [-121.6, 37.41, 30000.0]]
    assert descent["geometry"]["coordinates"][0] == coast["geometry"]["coordinates"][-1]
    assert descent["properties"]["times"] == ["2026-11-24T20:09:55.200Z", "2026-11-24T21:33:05.030Z"]


def test_an_area_keeps_its_polygons_and_holes() -> None:
    area = placemarks(kml_of("ensemble"))["90% area"]
    polygons = area.findall("k:MultiGeometry/k:Polygon", NAMESPACES)
    outer = [
        ring(found) for polygon in polygons for found in polygon.findall("k:outerBoundaryIs", NAMESPACES)
    ]
    holes = [
        ring(found) for polygon in polygons for found in polygon.findall("k:innerBoundaryIs", NAMESPACES)
    ]
    assert outer == [SQUARE, ISLAND]
    assert holes == [HOLE]
    assert {polygon.findtext("k:altitudeMode", "", NAMESPACES) for polygon in polygons} == {"clampToGround"}

    (feature,) = features(geojson_of("ensemble"), "area")
    assert feature["geometry"] == ensemble()["landing"]["areas"][0]["geometry"]
    assert feature["properties"] == {"kind": "area", "level": 0.9, "share": 0.912, "area_km2": 2110.4}


@pytest.mark.parametrize(("lons", "edge"), [([178.0, -179.0], 180.0), ([-178.0, 179.0], -180.0)])
def test_a_line_is_cut_at_the_date_line_where_the_straight_line_meets_it(
    lons: list[float], edge: float
) -> None:
    # Two of three degrees before the line: latitude 10 + 2/3, altitude 200 m, 40 s.
    (path,) = features(export.flight_geojson(crossing(lons), single()), "path")
    assert path["geometry"] == {
        "type": "MultiLineString",
        "coordinates": [
            [[lons[0], 10.0, 0.0], [edge, 10.666667, 200.0]],
            [[-edge, 10.666667, 200.0], [lons[1], 11.0, 300.0]],
        ],
    }
    assert path["properties"]["times"] == [
        ["2026-11-24T18:00:00.000Z", "2026-11-24T18:00:40.000Z"],
        ["2026-11-24T18:00:40.000Z", "2026-11-24T18:01:00.000Z"],
    ]


def test_a_track_across_the_date_line_becomes_two() -> None:
    found = document(export.flight_kml(crossing([178.0, -179.0]), single())).findall(
        ".//gx:Track", NAMESPACES
    )
    coords = [[coord.text for coord in track.findall("gx:coord", NAMESPACES)] for track in found]
    assert coords == [
        ["178.000000 10.000000 0.0", "180.000000 10.666667 200.0"],
        ["-180.000000 10.666667 200.0", "-179.000000 11.000000 300.0"],
    ]


@pytest.mark.parametrize(
    ("lons", "expected"),
    [
        ([178.0, -180.0, -179.0], [[178.0, 180.0], [-180.0, -179.0]]),
        ([179.0, -180.0], [[179.0, 180.0]]),
        ([-180.0, 179.0], [[180.0, 179.0]]),
        ([-179.0, -180.0, 179.0], [[-179.0, -180.0], [180.0, 179.0]]),
        ([179.0, -179.0, 179.0], [[179.0, 180.0], [-180.0, -179.0, -180.0], [180.0, 179.0]]),
        ([179.0, 180.0], [[179.0, 180.0]]),
    ],
)
def test_no_part_has_fewer_than_two_places_or_crosses_the_date_line(
    lons: list[float], expected: list[list[float]]
) -> None:
    (path,) = features(export.flight_geojson(crossing(lons), single()), "path")
    lines = path["geometry"]["coordinates"]
    parts = lines if path["geometry"]["type"] == "MultiLineString" else [lines]
    assert [[position[0] for position in part] for part in parts] == expected


def test_the_greenwich_meridian_cuts_nothing() -> None:
    (path,) = features(export.flight_geojson(crossing([-1.0, 1.0]), single()), "path")
    assert path["geometry"] == {"type": "LineString", "coordinates": [[-1.0, 10.0, 0.0], [1.0, 11.0, 300.0]]}


def test_longitudes_come_out_from_minus_180_up_to_180() -> None:
    far_east = flight(phases=[[], [], [[1.0, 180.0, 0.0, T0]]])
    assert rows(export.flight_csv(far_east))[0]["longitude"] == "-180.000000"
    (landing,) = features(export.flight_geojson(far_east, single()), "landing")
    assert landing["geometry"]["coordinates"] == [-180.0, 1.0]
    assert "_-180.0000_" in export.file_name("flight", single(lon=180.0), "2026112406", False, "csv")


@pytest.mark.parametrize("kind", ["flight", "ensemble"])
def test_a_file_of_synthetic_winds_says_so_at_once(kind: str) -> None:
    sentence = "DEMO: synthetic winds, not a forecast: do not plan a flight with this"
    assert csv_of(kind, demo=True).splitlines()[0] == f"# {sentence}"
    assert kml_of(kind, demo=True).splitlines()[1] == f"<!-- {sentence} -->"
    found = document(kml_of(kind, demo=True))
    assert found.findtext("k:name", "", NAMESPACES).startswith("DEMO HABSIM ")
    assert sentence in found.findtext("k:description", "", NAMESPACES)
    assert sentence in geojson_of(kind, demo=True)[:300]
    collection = json.loads(geojson_of(kind, demo=True))
    assert (collection["demo"], collection["notices"][0]) == (True, sentence)
    assert collection["name"].startswith("DEMO HABSIM ")


@pytest.mark.parametrize("kind", ["flight", "ensemble"])
def test_a_file_of_real_winds_never_says_demo(kind: str) -> None:
    for text in (csv_of(kind), kml_of(kind), geojson_of(kind)):
        assert "DEMO" not in text


def test_an_ensembles_maps_say_what_the_spread_is_of() -> None:
    expected = SPREAD.format(2)  # members 0 and 2
    assert document(kml_of("ensemble")).findtext("k:description", "", NAMESPACES) == expected
    assert json.loads(geojson_of("ensemble"))["notices"] == [expected]
    assert json.loads(geojson_of("flight"))["notices"] == []


def test_a_map_file_carries_its_request() -> None:
    collection = json.loads(geojson_of("ensemble"))
    assert collection["type"] == "FeatureCollection"
    assert collection["request"] == PARAMETERS
    assert (collection["gefs"], collection["request_id"]) == ("2026112406", "a1b2c3d4e5f6")
    data = document(kml_of("ensemble")).findall("k:ExtendedData/k:Data", NAMESPACES)
    values = {entry.get("name"): entry.findtext("k:value", "", NAMESPACES) for entry in data}
    assert values["request_id"] == "a1b2c3d4e5f6"
    assert values["descent_model"] == "constant"
    assert float(values["lon"]) == -121.8763


def test_text_from_outside_cannot_break_the_xml() -> None:
    hostile = '</value><b a="1">&\'"'
    text = export.ensemble_kml(ensemble(request_id=hostile, gefs=hostile), {**PARAMETERS, hostile: hostile})
    data = document(text).findall("k:ExtendedData/k:Data", NAMESPACES)
    values = {entry.get("name"): entry.findtext("k:value", "", NAMESPACES) for entry in data}
    assert (values["request_id"], values[hostile]) == (hostile, hostile)
    assert document(text).findtext("k:name", "", NAMESPACES).endswith(f"GEFS {hostile}")


def test_a_file_is_named_by_kind_launch_place_and_cycle() -> None:
    name = export.file_name("ensemble", PARAMETERS, "2026112406", False, "kml")
    assert name == "HABSIM_ensemble_20261124T1800Z_37.3553_-121.8763_gefs2026112406.kml"
    assert export.file_name("ensemble", PARAMETERS, "2026112406", True, "kml") == f"DEMO_{name}"


def test_a_file_name_is_safe_whatever_it_is_made_of() -> None:
    name = export.file_name("a b", PARAMETERS, '../"x"\r\n', False, "csv;é")
    assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
