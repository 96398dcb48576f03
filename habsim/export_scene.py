"""What an exported map file shows, in any format: lines, marks, areas, and what must be said of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from habsim.earth import wrap

DEMO = "DEMO: synthetic winds, not a forecast: do not plan a flight with this"
SPREAD = (
    "Spread of {} forecasts and small launch variations; errors of burst height and rates are not included; "
    "not calibrated on flights."
)
PHASES = ("ascent", "coast", "descent")

Json = Mapping[str, Any]
Points = list[list[float]]  # of points [lat, lon, alt, time]


@dataclass(frozen=True, slots=True)
class Line:
    """One phase of one member's flight, in parts that do not cross the date line."""

    member: int
    phase: str
    parts: list[Points]


@dataclass(frozen=True, slots=True)
class Mark:
    """A launch, burst, landing, or the mean or likely landing; without `alt` it is on the ground."""

    kind: str
    lat: float
    lon: float
    alt: float | None = None
    time: float | None = None
    member: int | None = None
    perturbation: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """All that one file shows; `areas` are the API's, `facts` say what was asked and of which forecast."""

    title: str
    notices: list[str]
    facts: dict[str, Any]
    lines: list[Line]
    marks: list[Mark]
    areas: Sequence[Json]


def flight_scene(result: Json, parameters: Json) -> Scene:
    """Return what a file of one flight shows; arguments as in `habsim.export`."""
    member = parameters["model"]
    phases = [_wrapped(points) for points in result["phases"]]
    points = [point for phase in phases for point in phase]
    marks = [_mark("launch", points[0], member)]
    if descent := phases[2]:
        marks.append(_mark("burst", descent[0], member))
    marks.append(replace(_mark("landing", points[-1], member), alt=None))  # on whatever terrain the map has
    return Scene(
        title=_title("flight", result, parameters),
        notices=_demo_notices(result),
        facts=_facts(result, parameters),
        lines=list(_lines(member, phases)),
        marks=marks,
        areas=[],
    )


def ensemble_scene(result: Json, parameters: Json) -> Scene:
    """Return what a file of an ensemble shows; arguments as in `habsim.export`."""
    landed = sum(path is not None for path in result["paths"])
    landing = result["landing"]
    return Scene(
        title=_title("ensemble", result, parameters),
        notices=[*_demo_notices(result), SPREAD.format(landed)],
        facts=_facts(result, parameters),
        lines=list(_member_lines(result)),
        marks=[
            *(_centre(kind, landing[kind]) for kind in ("likely", "mean")),
            *_landings(result),
        ],
        areas=landing["areas"],
    )


def rfc3339(time: float) -> str:
    """Return Unix `time` as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(round(time, 2), UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def longitudes(values: Sequence[float]) -> list[float]:
    """Return `values` in [-180, 180), to 1e-6 degrees."""
    return [float(lon) for lon in np.round(wrap(np.array(values, float)), 6)]


def date_line_parts(points: Points) -> list[Points]:
    """Return `points` cut where they cross the date line, each part of two points or more.

    Neighbours more than 180 degrees of longitude apart are taken to lie on both sides of it.  A part ends
    at longitude 180 and the next begins at -180, or the reverse.  Source: RFC 7946, section 3.1.9.
    """
    parts = [points[:1]]
    for before, after in pairwise(points):
        if abs(after[1] - before[1]) > 180.0:
            near, far = _crossing(before, after)
            if near != before:
                parts[-1].append(near)
            parts.append([far])
        if parts[-1][-1] != after:
            parts[-1].append(after)
    return [part for part in parts if len(part) > 1]


def _crossing(before: list[float], after: list[float]) -> tuple[list[float], list[float]]:
    """Return the point between two others that lies on the date line, with either longitude."""
    edge = math.copysign(180.0, before[1])
    share = (edge - before[1]) / (after[1] + 2.0 * edge - before[1])
    lat, _, alt, time = (start + share * (end - start) for start, end in zip(before, after, strict=True))
    near, far = ([round(lat, 6), lon, round(alt, 1), round(time, 2)] for lon in (edge, -edge))
    return near, far


def _wrapped(points: Points) -> Points:
    lons = longitudes([point[1] for point in points])
    return [[lat, lon, alt, time] for (lat, _, alt, time), lon in zip(points, lons, strict=True)]


def _lines(member: int, phases: Sequence[Points]) -> Iterator[Line]:
    for phase, points in zip(PHASES, phases, strict=True):
        if parts := date_line_parts(points):
            yield Line(member, phase, parts)


def _member_lines(result: Json) -> Iterator[Line]:
    for member, (path, starts) in enumerate(zip(result["paths"], result["phases"], strict=True)):
        if path is not None:
            coast, descent = starts
            points = _wrapped(path)
            yield from _lines(member, (points[: coast + 1], points[coast : descent + 1], points[descent:]))


def _mark(kind: str, point: list[float], member: int) -> Mark:
    lat, lon, alt, time = point
    return Mark(kind, lat, lon, alt, time, member)


def _centre(kind: str, place: Json) -> Mark:
    return Mark(kind, place["lat"], longitudes([place["lon"]])[0])


def _landings(result: Json) -> Iterator[Mark]:
    rows = result["heatmap_data"]
    for (lat, _, label), lon in zip(rows, longitudes([row[1] for row in rows]), strict=True):
        member, *perturbation = map(int, label.split("_")[1:])
        if perturbation:
            yield Mark("landing", lat, lon, member=member, perturbation=perturbation[0])
        else:
            yield Mark("landing", lat, lon, time=result["paths"][member][-1][3], member=member)


def _title(kind: str, result: Json, parameters: Json) -> str:
    launch = datetime.fromtimestamp(parameters["timestamp"], UTC)
    mark = "DEMO " if result["demo"] else ""
    place = f"{parameters['lat']:.4f}, {longitudes([parameters['lon']])[0]:.4f}"
    return f"{mark}HABSIM {kind}, launch {launch:%Y-%m-%d %H:%M} UTC at {place}, GEFS {result['gefs']}"


def _demo_notices(result: Json) -> list[str]:
    return [DEMO] if result["demo"] else []


def _facts(result: Json, parameters: Json) -> dict[str, Any]:
    kept = {key: result[key] for key in ("gefs", "demo", "request_id") if key in result}
    return {**kept, "request": dict(parameters)}
