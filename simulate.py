"""Predictions: open winds, one flight, an ensemble and its result.

A run resolves the forecast once and carries it.  Open files are named by the version of the file they map,
so they are never invalidated, only dropped when others are used more.
"""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast

import numpy as np
import orjson
from cachetools import LRUCache

from elev import Elevation
from gefs import ELEVATION, Cycles, Forecast
from habsim import landing
from habsim.arrays import Floats
from habsim.ensemble import Ensemble
from habsim.errors import HabsimError, NotFoundError, OutsideForecastError, StoreError, UnavailableError
from habsim.files import publish
from habsim.flight import FlightPlan
from habsim.trajectory import Flown, fly, path, rounded
from windfile import WindFile

_OPEN_FILES = 64  # mapped files cost a worker next to nothing; two cycles of 31 fit
_PATIENCE = 10.0  # s, that a request waits for a usable cycle
_TOO_MANY_FAILED = 5  # members
_SWEEP = 10.0  # s between looks for results to remove

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


class Results:
    """Answers of ensembles and the pictures of their densities, kept for an hour within a number of bytes.

    A file's name is the identity of the question, so an answer is never invalidated, only outlived.
    """

    def __init__(self, folder: Path, capacity: int = 512_000_000, lifetime: float = 3600.0) -> None:
        self._folder = folder
        self._capacity = capacity
        self._lifetime = lifetime
        self._swept = -math.inf

    def put(self, identity: str, answer: bytes, picture: bytes) -> None:
        """Keep an answer (JSON) and its picture (PNG)."""
        publish(self._folder / f"{identity}.png", lambda stream: stream.write(picture), durable=False)
        publish(self._folder / f"{identity}.json", lambda stream: stream.write(answer), durable=False)
        if time.monotonic() - self._swept > _SWEEP:
            self._swept = time.monotonic()
            self._sweep()

    def answer(self, identity: str) -> bytes | None:
        """Return the answer to `identity`, or None if it is not there, or no longer."""
        return self._read(f"{identity}.json")

    def picture(self, identity: str) -> bytes | None:
        """Return the picture of `identity`, or None if it is not there, or no longer."""
        return self._read(f"{identity}.png")

    def _read(self, name: str) -> bytes | None:
        kept = self._folder / name
        try:
            fresh = time.time() - kept.stat().st_mtime <= self._lifetime
            return kept.read_bytes() if fresh else None
        except FileNotFoundError:
            return None

    def _sweep(self) -> None:
        """Remove what is too old, then the oldest until the rest fits; others may be sweeping too."""
        files = []
        for kept in self._folder.glob("[0-9a-f]*.*"):
            with suppress(FileNotFoundError):
                status = kept.stat()
                files.append((status.st_mtime, status.st_size, kept))
        room = self._capacity
        for modified, size, kept in sorted(files, reverse=True):
            room -= size
            if room < 0 or time.time() - modified > self._lifetime:
                kept.unlink(missing_ok=True)


class Library:
    """Open wind files and elevation, shared by the threads of a worker."""

    def __init__(self) -> None:
        self._files: LRUCache[tuple[Path, str], Any] = LRUCache(_OPEN_FILES)
        self._lock = Lock()

    def wind(self, forecast: Forecast, member: int) -> WindFile:
        """Return the winds of `member`; raises `NotFoundError` if the store lacks them."""
        name = forecast.cycle.member_file(member)
        tag = forecast.store.tag(name)
        if tag is None:
            raise NotFoundError(f"member {member} of cycle {forecast.cycle} is not in the store")
        return self._file(forecast.store.path(name), tag, WindFile.open)

    def ground(self, forecast: Forecast) -> Elevation:
        """Return the ground elevation; raises `BadFileError` if it is missing or unusable."""
        tag = forecast.store.tag(ELEVATION) or ""
        return self._file(forecast.store.path(ELEVATION), tag, Elevation.open)

    def _file(self, location: Path, tag: str, open_file: Callable[[Path], _T]) -> _T:
        with self._lock:
            found = self._files.get((location, tag))
        if found is None:
            found = open_file(location)  # twice at once does no harm
            with self._lock:
                self._files[location, tag] = found
        return cast(_T, found)


class Predictor:
    """Answers flights and ensembles in the current forecast."""

    def __init__(self, cycles: Cycles, library: Library, results: Results) -> None:
        self.cycles = cycles
        self.library = library
        self.results = results

    def forecast(self) -> Forecast:
        """Return the current forecast; raises `StoreError` where there has been none for ten seconds."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self.cycles.current()
            except StoreError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(0.5)

    def flight(self, forecast: Forecast, plan: FlightPlan, member: int) -> list[Floats]:
        """Return ascent, coast and descent of `plan` in `member`, points (point, 4): lat, lon, alt, time."""
        ground = self.library.ground(forecast)
        wind = self.library.wind(forecast, member)
        raised = plan.raised(float(ground.at(plan.lat, plan.lon)))
        return [rounded(phase) for phase in path(fly(wind, ground, raised.columns(), plan.parachute))]

    def ensemble(self, forecast: Forecast, plan: FlightPlan, perturbations: int) -> bytes:
        """Return the answer to an ensemble as JSON; an answer that is still kept is given again.

        A member whose data cannot be had is left out and named.  Raises `UnavailableError` if that is too
        many, `OutsideForecastError` if any flight leaves the forecast.
        """
        began = time.monotonic()
        ground = self.library.ground(forecast)
        raised = plan.raised(float(ground.at(plan.lat, plan.lon)))
        ensemble = Ensemble(raised, forecast.members, perturbations)
        identity = ensemble.key(str(forecast.cycle), forecast.identity())
        kept = self.results.answer(identity)
        if kept is not None:
            return kept
        members = [self._member(forecast, ensemble, ground, member) for member in range(forecast.members)]
        failed = [member for member in members if isinstance(member, HabsimError)]
        if len(failed) >= _TOO_MANY_FAILED or 2 * len(failed) > len(members):
            raise UnavailableError(
                f"{len(failed)} of {len(members)} members of cycle {forecast.cycle} cannot be used: "
                f"{failed[0]}"
            )
        flown = [None if isinstance(member, HabsimError) else member for member in members]
        answer, picture = _answer(forecast, flown, identity)
        text = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        self.results.put(identity, text, picture)
        logger.info("ensemble %s: %d members in %.3f s", identity, len(flown), time.monotonic() - began)
        return text

    def _member(
        self, forecast: Forecast, ensemble: Ensemble, ground: Elevation, member: int
    ) -> Flown | HabsimError:
        """Return the flights of one member, or why there are none."""
        try:
            wind = self.library.wind(forecast, member)
            return fly(wind, ground, ensemble.flights(member, ground), ensemble.plan.parachute)
        except OutsideForecastError:
            raise
        except HabsimError as error:
            logger.warning("member %d left out: %s", member, error)
            return error


def _answer(forecast: Forecast, members: list[Flown | None], identity: str) -> tuple[dict[str, Any], bytes]:
    """Return the API's answer from the flights of each member, and the picture of the density."""
    joined = [(None, None) if flown is None else _joined(flown) for flown in members]
    landed = [(member, flown) for member, flown in enumerate(members) if flown is not None]
    numbers = np.concatenate([np.full(len(flown.lat), member) for member, flown in landed])
    lat, lon, times = (
        np.concatenate([getattr(flown, name) for _, flown in landed]) for name in ("lat", "lon", "time")
    )
    statistics = landing.statistics(lat, lon, times, numbers)
    picture = landing.png(statistics.density)
    summary = statistics.as_json()
    summary["density"]["image"] = f"/sim/density?request_id={identity}"
    answer = {
        "paths": [points for points, _ in joined],
        "phases": [starts for _, starts in joined],
        "heatmap_data": _heatmap(landed),
        "request_id": identity,
        "gefs": str(forecast.cycle),
        "demo": forecast.store.demo,
        "failed_models": [member for member, flown in enumerate(members) if flown is None],
        "partial": False,
        "landing": summary,
    }
    return answer, picture


def _joined(flown: Flown) -> tuple[Floats, list[int]]:
    """Return the nominal flight's phases as one path, and the indices where coast and descent start."""
    ascent, coast, descent = path(flown)
    parts = [part for part in (ascent, coast, descent) if len(part)]
    points = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
    coast_start = max(len(ascent) - 1, 0)
    return rounded(points), [coast_start, coast_start + max(len(coast) - 1, 0)]


def _heatmap(landed: list[tuple[int, Flown]]) -> list[list[Any]]:
    """Return every landing with its label: nominal flights first, then the varied ones by member."""
    nominal, varied = [], []
    for member, flown in landed:
        places = rounded(np.stack([flown.lat, flown.lon, flown.alt, flown.time], -1))[:, :2].tolist()
        nominal.append([*places[0], f"model_{member}"])
        varied += [[*place, f"mc_{member}_{number}"] for number, place in enumerate(places[1:])]
    return nominal + varied
