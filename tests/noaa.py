"""A host that looks like NOAA's: its tree, inventories, byte ranges, and messages packed as the real ones.

The winds are smooth functions of place, level, hour and member, so that a value in the wrong place shows.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

import eccodes
import numpy as np

from habsim.arrays import Floats
from habsim.cycle import Cycle
from scripts.downloader.plan import LEVELS_HPA, grib_path

CODES = {"u": (2, 2), "v": (2, 3), "height": (3, 5)}  # category, number; WMO No. 306, table 4.2
NAMES = {"u": "UGRD", "v": "VGRD", "height": "HGT"}
WITHOUT_HEIGHT = 400.0  # hPa: NOAA's pgrb2a has no HGT there
BITS = 16


def truth(parameter: str, level_hpa: float, hour: int, member: int, spacing: float) -> Floats:
    """Return a field (lat, lon), lat +90 to -90, lon 0 to 360 exclusive: m/s, or m."""
    lat = np.linspace(90.0, -90.0, round(180.0 / spacing) + 1)[:, None]
    lon = np.arange(0.0, 360.0, spacing)
    wave = 20.0 * np.sin(np.radians(lon + 0.2 * lat)) * np.cos(np.radians(0.7 * lat + 10.0)) + 0.5 * member
    if parameter == "height":
        return np.asarray(7000.0 * math.log(1013.25 / level_hpa) + 2.0 * wave + hour)
    sign = 1.0 if parameter == "u" else -0.5
    return np.asarray(sign * (wave + 5.0 * math.log(1100.0 / level_hpa) + 0.3 * hour))


def message(parameter: str, level_hpa: float, cycle: Cycle, hour: int, member: int, values: Floats) -> bytes:
    """Return one message, in complex packing with spatial differencing, as GEFS has them."""
    rows, columns = values.shape
    moment = datetime.strptime(cycle.name, "%Y%m%d%H")
    category, number = CODES[parameter]
    keys: dict[str, Any] = {
        "centre": "kwbc",
        "generatingProcessIdentifier": 107,
        "productDefinitionTemplateNumber": 1,
        "perturbationNumber": member,
        "numberOfForecastsInEnsemble": 30,
        "parameterCategory": category,
        "parameterNumber": number,
        "typeOfFirstFixedSurface": 100,
        "scaleFactorOfFirstFixedSurface": 0,
        "scaledValueOfFirstFixedSurface": round(level_hpa * 100.0),
        "dataDate": int(moment.strftime("%Y%m%d")),
        "dataTime": moment.hour * 100,
        "forecastTime": hour,
        "Ni": columns,
        "Nj": rows,
        "latitudeOfFirstGridPointInDegrees": 90.0,
        "latitudeOfLastGridPointInDegrees": -90.0,
        "longitudeOfFirstGridPointInDegrees": 0.0,
        "longitudeOfLastGridPointInDegrees": 360.0 - 360.0 / columns,
        "iDirectionIncrementInDegrees": 360.0 / columns,
        "jDirectionIncrementInDegrees": 180.0 / (rows - 1),
        "packingType": "grid_complex_spatial_differencing",
        "orderOfSpatialDifferencing": 2,
        "bitsPerValue": BITS,  # after the two above, or one constant group is written
    }
    handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
    try:
        for key, value in keys.items():
            eccodes.codes_set(handle, key, value)
        eccodes.codes_set_values(handle, values.ravel())
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)


def gribbed(cycle: Cycle, member: int, product: str, hour: int, spacing: float) -> tuple[bytes, str]:
    """Return a GRIB2 file of the tree, an unwanted field first, and its inventory."""
    when = "anl" if hour == 0 else f"{hour} hour fcst"
    ensemble = "low-res ctl" if member == 0 else f"+{member}"
    unwanted = message("u", 850.0, cycle, hour, member, truth("u", 850.0, hour, member, spacing))
    parts, lines = [unwanted], [f"1:0:d={cycle}:PRMSL:mean sea level:{when}:ENS={ensemble}"]
    for level in LEVELS_HPA[product]:
        for parameter in ("height", "u", "v"):
            if parameter == "height" and level == WITHOUT_HEIGHT:
                continue
            where = sum(map(len, parts))
            lines.append(
                f"{len(lines) + 1}:{where}:d={cycle}:{NAMES[parameter]}:{level:g} mb:{when}:ENS={ensemble}"
            )
            values = truth(parameter, level, hour, member, spacing)
            parts.append(message(parameter, level, cycle, hour, member, values))
    return b"".join(parts), "\n".join(lines) + "\n"


Fault = Callable[[BaseHTTPRequestHandler, bytes], bool]


@dataclass
class Noaa:
    """The host: its files by path, faults by path (tried before answering), and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)  # bytes of bodies
    agents: set[str] = field(default_factory=set)
    port: int = 0
    lock: Lock = field(default_factory=Lock)

    @property
    def address(self) -> str:
        """The URL of the tree."""
        return f"http://127.0.0.1:{self.port}"

    def publish(self, cycle: Cycle, members: int, hours: range, spacing: float) -> None:
        """Have all files of a cycle."""
        for member in range(members):
            for hour in hours:
                for product in LEVELS_HPA:
                    path = grib_path(cycle, member, product, hour)
                    content, listing = gribbed(cycle, member, product, hour, spacing)
                    self.files[path], self.files[f"{path}.idx"] = content, listing.encode()

    def grib_bytes(self) -> int:
        """Return how many bytes of messages were sent."""
        return sum(count for path, count in self.sent.items() if not path.endswith(".idx"))


@contextmanager
def noaa() -> Iterator[Noaa]:
    """Yield a host, listening."""
    host = Noaa()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            path = urlsplit(self.path).path.lstrip("/")
            content = host.files.get(path)
            with host.lock:
                host.asked[path] += 1
                host.agents.add(self.headers["User-Agent"])
            fault = host.faults.get(path)
            if fault is not None and fault(self, content or b""):
                return
            if content is None:
                send(self, 404, b"")
                return
            given = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if given is None:
                send(self, 200, content)
            elif int(given[1]) >= len(content):
                send(self, 416, b"")
            else:
                first, last = int(given[1]), min(int(given[2]), len(content) - 1)
                span = f"bytes {first}-{last}/{len(content)}"
                send(self, 206, content[first : last + 1], {"Content-Range": span})
                with host.lock:
                    host.sent[path] += last + 1 - first

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.port = int(server.server_address[1])
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    """Answer a request."""
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(body)


def status(code: int, times: float = math.inf) -> Fault:
    """Return a fault: `code` instead of an answer, the first `times` times."""
    left = [times]

    def fault(handler: BaseHTTPRequestHandler, content: bytes) -> bool:
        if left[0] <= 0:
            return False
        left[0] -= 1
        send(handler, code, b"")
        return True

    return fault


def cut(times: float = math.inf) -> Fault:
    """Return a fault: the connection breaks in the middle of a range, the first `times` times."""
    left = [times]

    def fault(handler: BaseHTTPRequestHandler, content: bytes) -> bool:
        given = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", ""))
        if given is None or left[0] <= 0:
            return False
        left[0] -= 1
        first, last = int(given[1]), int(given[2])
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        handler.send_header("Content-Length", str(last + 1 - first))
        handler.end_headers()
        handler.wfile.write(content[first : (first + last) // 2])
        handler.close_connection = True
        return True

    return fault
