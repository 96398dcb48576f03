"""A scene as KML 2.2, with tracks from Google's extension: every point of a path has its time.

Source: OGC 07-147r2 (whose order of elements is kept) and the `gx` schema kml22gx.xsd.
"""

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from habsim.export_scene import PHASES, Json, Line, Mark, Points, Scene, rfc3339

COLOURS = {"ascent": "#1769d1", "coast": "#e07b00", "descent": "#c81e1e", "area": "#7a3db8"}
NAMES = {"launch": "Launch", "burst": "Burst", "likely": "Most likely landing", "mean": "Mean landing"}


def kml(scene: Scene) -> str:
    """Return `scene` as one KML document."""
    return "\n".join(_document(scene)) + "\n"


def _document(scene: Scene) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield from (f"<!-- {notice} -->" for notice in scene.notices)
    yield '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">'
    yield f"<Document><name>{escape(scene.title)}</name><open>1</open>"
    yield f"<description>{escape('. '.join(scene.notices))}</description>"
    yield from _styles()
    yield _extended_data(scene.facts)
    landings = [mark for mark in scene.marks if mark.kind == "landing"]
    yield from _folder("Places", [_mark(mark) for mark in scene.marks if mark.kind in NAMES])
    yield from _folder("Areas", [_area(area) for area in scene.areas])
    yield from _folder("Paths", list(_tracks(scene.lines)))
    yield from _folder("Landings", [_landing(mark, len(landings) > 1) for mark in landings])
    yield "</Document></kml>"


def _styles() -> Iterator[str]:
    """Yield styles of a foremost path, of other paths, of areas, and of one landing among many."""
    for phase in PHASES:
        hidden = "<LabelStyle><scale>0</scale></LabelStyle>"
        yield f'<Style id="{phase}">{hidden}{_line_style(phase, 1.0, 3.0)}</Style>'
        hidden = f"<IconStyle><scale>0</scale></IconStyle>{hidden}"
        yield f'<Style id="{phase}-thin">{hidden}{_line_style(phase, 0.5, 1.5)}</Style>'
    fill = f"<PolyStyle><color>{_colour('area', 0.25)}</color></PolyStyle>"
    yield f'<Style id="area">{_line_style("area", 1.0, 2.0)}{fill}</Style>'
    icon = f"<IconStyle><color>{_colour('descent', 1.0)}</color><scale>0.4</scale></IconStyle>"
    yield f'<Style id="landing-small">{icon}<LabelStyle><scale>0</scale></LabelStyle></Style>'


def _line_style(name: str, opacity: float, width: float) -> str:
    return f"<LineStyle><color>{_colour(name, opacity)}</color><width>{width}</width></LineStyle>"


def _colour(name: str, opacity: float) -> str:
    """Return a colour as KML writes it: aabbggrr."""
    red, green, blue = (COLOURS[name][at : at + 2] for at in (1, 3, 5))
    return f"{round(opacity * 255):02x}{blue}{green}{red}"


def _extended_data(facts: Json) -> str:
    pairs = [*((key, value) for key, value in facts.items() if key != "request"), *facts["request"].items()]
    data = (f"<Data name={quoteattr(key)}><value>{escape(str(value))}</value></Data>" for key, value in pairs)
    return f"<ExtendedData>{''.join(data)}</ExtendedData>"


def _folder(name: str, placemarks: list[str]) -> list[str]:
    """Return the lines of a folder; none if it would be empty."""
    return [f"<Folder><name>{name}</name>", *placemarks, "</Folder>"] if placemarks else []


def _placemark(name: str, description: str, style: str, geometry: str) -> str:
    url = f"<styleUrl>#{style}</styleUrl>" if style else ""
    text = f"<name>{escape(name)}</name><description>{escape(description)}</description>"
    return f"<Placemark>{text}{url}{geometry}</Placemark>"


def _tracks(lines: list[Line]) -> Iterator[str]:
    """Yield a placemark for each part; the first member stands out."""
    for line in lines:
        style = line.phase if line.member == lines[0].member else f"{line.phase}-thin"
        for part in line.parts:
            span = f"{rfc3339(part[0][3])} to {rfc3339(part[-1][3])}"
            yield _placemark(f"Member {line.member} {line.phase}", span, style, _track(part))


def _track(points: Points) -> str:
    whens = "".join(f"<when>{rfc3339(time)}</when>" for _, _, _, time in points)
    coords = "".join(f"<gx:coord>{lon:.6f} {lat:.6f} {alt:.1f}</gx:coord>" for lat, lon, alt, _ in points)
    return f"<gx:Track><altitudeMode>absolute</altitudeMode>{whens}{coords}</gx:Track>"


def _mark(mark: Mark) -> str:
    return _placemark(NAMES[mark.kind], _whereabouts(mark), "", _point(mark))


def _landing(mark: Mark, crowd: bool) -> str:
    variation = "" if mark.perturbation is None else f", variation {mark.perturbation}"
    name, style = f"Landing, member {mark.member}{variation}", "landing-small" if crowd else ""
    return _placemark(name, _whereabouts(mark), style, _point(mark))


def _whereabouts(mark: Mark) -> str:
    moment = "" if mark.time is None else f", {rfc3339(mark.time)}"
    return f"{mark.lat:.6f}, {mark.lon:.6f}{moment}"


def _point(mark: Mark) -> str:
    if mark.alt is None:
        mode, height = "clampToGround", ""
    else:
        mode, height = "absolute", f",{mark.alt:.1f}"
    coordinates = f"<coordinates>{mark.lon:.6f},{mark.lat:.6f}{height}</coordinates>"
    return f"<Point><altitudeMode>{mode}</altitudeMode>{coordinates}</Point>"


def _area(area: Json) -> str:
    description = f"{area['share']:.0%} of the simulated landings, {area['area_km2']:,.1f} km²"
    polygons = "".join(map(_polygon, area["geometry"]["coordinates"]))
    return _placemark(
        f"{area['level']:.0%} area", description, "area", f"<MultiGeometry>{polygons}</MultiGeometry>"
    )


def _polygon(rings: list[list[list[float]]]) -> str:
    outer, *holes = (f"<LinearRing><coordinates>{_ring(ring)}</coordinates></LinearRing>" for ring in rings)
    inner = "".join(f"<innerBoundaryIs>{hole}</innerBoundaryIs>" for hole in holes)
    ground = "<tessellate>1</tessellate><altitudeMode>clampToGround</altitudeMode>"
    return f"<Polygon>{ground}<outerBoundaryIs>{outer}</outerBoundaryIs>{inner}</Polygon>"


def _ring(positions: list[list[float]]) -> str:
    return " ".join(f"{lon:.6f},{lat:.6f}" for lon, lat in positions)
