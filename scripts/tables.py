"""Results as tables for a terminal."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from habsim.export_scene import SPREAD

Json = dict[str, Any]


def flight_table(result: Json) -> str:
    """Return where a flight was launched, reached its height, left it and landed."""
    ascent, coast, descent = result["phases"]
    events = [
        ("launch", (ascent or coast or descent)[0]),
        *([("burst or float", ascent[-1])] if ascent else []),
        *([("end of float", coast[-1])] if coast else []),
        ("landing", descent[-1]),
    ]
    rows = [
        (name, _time(time), f"{lat:.5f}", f"{lon:.5f}", f"{alt:.0f} m")
        for name, (lat, lon, alt, time) in events
    ]
    return _table(("", "time (UTC)", "latitude", "longitude", "altitude"), rows) + f"GEFS {result['gefs']}\n"


def ensemble_table(result: Json) -> str:
    """Return where an ensemble lands, and how far apart."""
    landing = result["landing"]
    rows = [
        (name, _place(landing[key])) for name, key in (("mean landing", "mean"), ("likely landing", "likely"))
    ]
    rows.append(("spread", f"{landing['spread_m'] / 1e3:.1f} km rms"))
    rows.append(("landing time", f"{_time(landing['time']['mean'])} +- {landing['time']['sd'] / 60:.0f} min"))
    rows += [(f"{area['level']:.0%} area", f"{area['area_km2']:.1f} km2") for area in landing["areas"]]
    if result["failed_models"]:
        rows.append(("left out", f"members {', '.join(map(str, result['failed_models']))}"))
    rows.append(("forecast", f"GEFS {result['gefs']}"))
    return _table(None, rows) + SPREAD.format(sum(path is not None for path in result["paths"])) + "\n"


def window_row(launch: float, result: Json) -> Json:
    """Return one launch of a window: times (UTC), degrees, km and km2."""
    landing = result["landing"]
    return {
        "launch_utc": _time(launch),
        "landing_utc": _time(landing["time"]["mean"]),
        "mean_latitude": round(landing["mean"]["lat"], 5),
        "mean_longitude": round(landing["mean"]["lon"], 5),
        "spread_km": round(landing["spread_m"] / 1e3, 2),
        **{
            f"area_{area['level']:.0%}_km2".replace("%", ""): round(area["area_km2"], 1)
            for area in landing["areas"]
        },
    }


def window_table(rows: list[Json]) -> str:
    """Return the rows under one another."""
    return _table(tuple(rows[0]), [tuple(map(str, row.values())) for row in rows])


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _place(place: Json) -> str:
    return f"{place['lat']:.5f}, {place['lon']:.5f}"


def _table(header: tuple[str, ...] | None, rows: Sequence[tuple[str, ...]]) -> str:
    lines = [*([header] if header else []), *rows]
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    return "".join(f"{_line(line, widths)}\n" for line in lines)


def _line(cells: Iterable[str], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
