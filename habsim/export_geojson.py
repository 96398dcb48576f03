"""A scene as GeoJSON (RFC 7946): one feature for each line, mark and area.

The collection's foreign members are `name`, `notices`, `gefs`, `demo`, `request_id` and `request`.  Altitudes
are above mean sea level.
"""

import json
from typing import Any

from habsim.export_scene import Json, Line, Mark, Points, Scene, rfc3339


def geojson(scene: Scene) -> str:
    """Return `scene` as one FeatureCollection."""
    collection = {
        "type": "FeatureCollection",
        "name": scene.title,
        "notices": scene.notices,
        **scene.facts,
        "features": [*map(_line, scene.lines), *map(_mark, scene.marks), *map(_area, scene.areas)],
    }
    return json.dumps(collection, allow_nan=False, separators=(",", ":")) + "\n"


def _feature(kind: str, geometry: Json, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": {"kind": kind, **properties}}


def _line(line: Line) -> dict[str, Any]:
    """Return a feature whose property `times` is nested as its coordinates are."""
    coordinates, times = [_positions(part) for part in line.parts], [_times(part) for part in line.parts]
    about = {"member": line.member, "phase": line.phase}
    if len(line.parts) == 1:
        geometry = {"type": "LineString", "coordinates": coordinates[0]}
        return _feature("path", geometry, {**about, "times": times[0]})
    geometry = {"type": "MultiLineString", "coordinates": coordinates}
    return _feature("path", geometry, {**about, "times": times})


def _positions(points: Points) -> list[list[float]]:
    return [[lon, lat, alt] for lat, lon, alt, _ in points]


def _times(points: Points) -> list[str]:
    return [rfc3339(time) for _, _, _, time in points]


def _mark(mark: Mark) -> dict[str, Any]:
    position = [mark.lon, mark.lat] if mark.alt is None else [mark.lon, mark.lat, mark.alt]
    known = {
        "member": mark.member,
        "perturbation": mark.perturbation,
        "time": None if mark.time is None else rfc3339(mark.time),
    }
    properties = {key: value for key, value in known.items() if value is not None}
    return _feature(mark.kind, {"type": "Point", "coordinates": position}, properties)


def _area(area: Json) -> dict[str, Any]:
    return _feature("area", area["geometry"], {key: area[key] for key in ("level", "share", "area_km2")})
