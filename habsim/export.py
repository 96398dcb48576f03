"""Results as files: CSV, KML and GeoJSON text, and what to call them.

A result is what the API answers, as plain lists and dictionaries:

    flight      phases        [[ascent], [coast], [descent]], each of points [lat, lon, alt, time]
                gefs, demo    the cycle's name; whether the winds are synthetic
    ensemble    paths         per member its points, phases joined at shared points, or None
                phases        per member [i, j], where in its path coast and descent start, or None
                heatmap_data  [lat, lon, "model_M" or "mc_M_P"] of each landing
                landings      [alt, time] of each landing
                landing       mean, likely: {lat, lon};  areas: [{level, share, area_km2, geometry}]
                gefs, demo, request_id

`parameters` are the request's, with their defaults filled in.
"""

import csv
import io
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from habsim.export_geojson import geojson
from habsim.export_kml import kml
from habsim.export_scene import DEMO, PHASES, Json, ensemble_scene, flight_scene, longitudes, rfc3339

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "kml": "application/vnd.google-earth.kml+xml",
    "geojson": "application/geo+json",
}


def flight_csv(result: Json) -> str:
    """Return a flight as CSV, one row a point; a point that two phases share belongs to the earlier one."""
    rows: list[list[str]] = []
    last = None
    for phase, points in zip(PHASES, result["phases"], strict=True):
        for point in points:
            if point != last:
                lat, lon, alt, time = point
                rows.append([rfc3339(time), f"{time:.2f}", *_degrees(lat, lon), f"{alt:.1f}", phase])
            last = point
    return _csv("time_utc,unix_time,latitude,longitude,altitude_m,phase", rows, result["demo"])


def flight_kml(result: Json, parameters: Json) -> str:
    """Return a flight as KML 2.2."""
    return kml(flight_scene(result, parameters))


def flight_geojson(result: Json, parameters: Json) -> str:
    """Return a flight as GeoJSON."""
    return geojson(flight_scene(result, parameters))


def ensemble_csv(result: Json, full: bool) -> str:
    """Return an ensemble as CSV, one row a landing; `full` has all that is known of it."""
    places = [[*_degrees(lat, lon), label] for lat, lon, label in result["heatmap_data"]]
    if not full:
        return _csv("latitude,longitude,model_id", places, result["demo"])
    rows = (
        [*place, *_flight(place[2]), f"{alt:.1f}", rfc3339(time), f"{time:.2f}"]
        for place, (alt, time) in zip(places, result["landings"], strict=True)
    )
    columns = "latitude,longitude,model_id,member,variation,altitude_m,time_utc,unix_time"
    return _csv(columns, rows, result["demo"])


def ensemble_kml(result: Json, parameters: Json) -> str:
    """Return an ensemble as KML 2.2."""
    return kml(ensemble_scene(result, parameters))


def ensemble_geojson(result: Json, parameters: Json) -> str:
    """Return an ensemble as GeoJSON."""
    return geojson(ensemble_scene(result, parameters))


def file_name(kind: str, parameters: Json, cycle: str, demo: bool, extension: str) -> str:
    """Return the name of an exported file, of letters, digits and `._-` only.

    `kind` is "flight" or "ensemble":  HABSIM_ensemble_20261124T1800Z_37.3553_-121.8763_gefs2026112406.kml
    """
    launch = datetime.fromtimestamp(parameters["timestamp"], UTC)
    place = f"{parameters['lat']:.4f}_{longitudes([parameters['lon']])[0]:.4f}"
    mark = "DEMO_" if demo else ""
    name = f"{mark}HABSIM_{kind}_{launch:%Y%m%dT%H%MZ}_{place}_gefs{cycle}.{extension}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _flight(label: str) -> tuple[str, str]:
    """Return member and variation of a landing's label; the nominal flight has no variation."""
    _, member, *variation = label.split("_")
    return member, "".join(variation)


def _degrees(lat: float, lon: float) -> tuple[str, str]:
    return f"{lat:.6f}", f"{longitudes([lon])[0]:.6f}"


def _csv(header: str, rows: Iterable[list[str]], demo: bool) -> str:
    text = io.StringIO()
    if demo:
        text.write(f"# {DEMO}\n")
    text.write(f"{header}\n")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


WRITERS = {
    ("flight", "csv"): lambda result, parameters: flight_csv(result),
    ("flight", "kml"): flight_kml,
    ("flight", "geojson"): flight_geojson,
    ("ensemble", "csv"): lambda result, parameters: ensemble_csv(result, parameters["detail"] == "full"),
    ("ensemble", "kml"): ensemble_kml,
    ("ensemble", "geojson"): ensemble_geojson,
}
