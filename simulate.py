"""Predictions: open winds, one flight, and ensembles, each computed once on a host.

A run resolves the forecast once and carries it.  Open files are named by the version of the file they map,
so they are never invalidated, only dropped when others are used more.
"""

import logging
import math
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from typing import Literal, TypeVar

import orjson
from cachetools import LRUCache, TTLCache

from elev import Elevation
from gefs import Cycles, Forecast
from habsim.answer import compose
from habsim.arrays import Floats
from habsim.ensemble import Ensemble
from habsim.errors import (
    BadFileError,
    BusyError,
    HabsimError,
    NotFoundError,
    OutsideForecastError,
    StoreError,
    TimeLimitError,
    UnavailableError,
)
from habsim.flight import FlightPlan
from habsim.metrics import Metrics
from habsim.points import paths, rounded
from habsim.progress import SIMULATING, Reporter
from habsim.results import LIFETIME
from habsim.runs import Answer, Runs
from habsim.stores import ELEVATION, Store
from habsim.trajectory import Flown, fly
from windfile import WindFile

_FLIGHTS = 200  # single flights that a worker remembers
_COPIES = 16  # at a time
_GROWN = 600.0  # s, that the files of an ensemble stay open
_PATIENCE = 10.0  # s, that a request waits for a usable cycle
_TOO_MANY_FAILED = 5  # members
_TIME_LIMIT = 600.0  # s, of a run
_BACKGROUND = 32  # runs at a time, in a worker, that no request waits for

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


class Library:
    """Open wind files and elevation, shared by the threads of a worker."""

    def __init__(self, metrics: Metrics, size: int = 10, grown_size: int = 30) -> None:
        """Keep `size` wind files open, and `grown_size` while ensembles need them."""
        self._metrics = metrics
        self.size = size
        self.grown_size = grown_size
        self._winds: LRUCache[tuple[str, str, str], WindFile] = LRUCache(grown_size)
        self._grounds: LRUCache[tuple[str, str, str], Elevation] = LRUCache(2)
        self._grown_until = -math.inf
        self._lock = Lock()

    def grow(self) -> None:
        """Keep the wind files of an ensemble open for some minutes."""
        self._grown_until = time.monotonic() + _GROWN

    def limit(self) -> int:
        """Return how many wind files are kept open now."""
        return self.grown_size if time.monotonic() < self._grown_until else self.size

    def names(self) -> list[str]:
        """Return the names of the open wind files."""
        with self._lock:
            return sorted(wind.name for wind in self._winds.values())

    def wind(self, forecast: Forecast, member: int) -> WindFile:
        """Return the winds of `member`; raises `NotFoundError` if the store lacks them."""
        name = forecast.cycle.member_file(member)
        tag = forecast.store.tag(name)
        if tag is None:
            raise NotFoundError(f"member {member} of cycle {forecast.cycle} is not in the store")
        return self._file("simulators", self._winds, forecast.store, name, tag, WindFile.open)

    def first_wind(self, forecast: Forecast) -> WindFile:
        """Return the winds of the first member that is there; raises `StoreError` if none is."""
        present = forecast.present()
        if not present:
            raise StoreError(f"no member of cycle {forecast.cycle} is left in the store: publish it again")
        return self.wind(forecast, present[0])

    def ground(self, forecast: Forecast) -> Elevation:
        """Return the ground elevation; raises `BadFileError` if it is missing or unusable."""
        tag = forecast.store.tag(ELEVATION) or ""
        return self._file("elevation", self._grounds, forecast.store, ELEVATION, tag, Elevation.open)

    def _file(
        self,
        kind: Literal["simulators", "elevation"],
        files: LRUCache[tuple[str, str, str], _T],
        store: Store,
        name: str,
        tag: str,
        open_file: Callable[[Path], _T],
    ) -> _T:
        """Return the open file; a local copy that is bad or has just gone is made anew once."""
        key = (store.address, name, tag)
        with self._lock:
            found = files.get(key)
        if kind == "simulators":
            self._metrics.count_cache(kind, hit=found is not None)
        if found is None:
            path = store.path(name)
            try:
                found = open_file(path)  # twice at once does no harm
            except BadFileError as error:
                if not store.remote:
                    raise
                logger.warning("copying %s again: %s", name, error)
                store.drop(name)
                found = open_file(store.path(name))
            with self._lock:
                files[key] = found
                while len(self._winds) > self.limit():
                    self._winds.popitem()
        return found


class Predictor:
    """Answers flights and ensembles in the current forecast."""

    def __init__(self, cycles: Cycles, library: Library, runs: Runs, metrics: Metrics) -> None:
        self._metrics = metrics
        self.cycles = cycles
        self.library = library
        self.runs = runs
        self.flights: TTLCache[Hashable, list[Floats]] = TTLCache(_FLIGHTS, LIFETIME)
        self._flights_lock = Lock()
        self._background = BoundedSemaphore(_BACKGROUND)

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
        key = (forecast.identity(), forecast.cycle, plan, member)
        with self._flights_lock:
            found = self.flights.get(key)
        self._metrics.count_cache("predictions", hit=found is not None)
        if found is None:
            with forecast.held():
                wind = self.library.wind(forecast, member)
            raised = plan.raised(float(ground.at(plan.lat, plan.lon)))
            (phases,) = paths([fly(wind, ground, raised.columns(), plan.parachute)])
            found = [rounded(phase) for phase in phases]
            with self._flights_lock:
                self.flights[key] = found
            self._metrics.flights.inc()
        return found

    def ensemble(self, forecast: Forecast, plan: FlightPlan, perturbations: int) -> "EnsembleRun":
        """Return the run of an ensemble, not yet begun."""
        self.library.grow()
        ground = self.library.ground(forecast)
        raised = plan.raised(float(ground.at(plan.lat, plan.lon)))
        ensemble = Ensemble(raised, forecast.members, perturbations)
        return EnsembleRun(self.library, self._metrics, forecast, ground, ensemble)

    def answer(self, run: "EnsembleRun") -> bytes:
        """Return the answer of `run` as JSON, whoever computes it."""
        answer = self.runs.answer(run.identity, run.total, run.compute)
        self._metrics.count_cache("results", hit=not run.begun)
        return answer

    def begin(self, run: "EnsembleRun") -> None:
        """Have `run` computed without waiting; raises `BusyError` if too many are."""
        state = self.runs.progress(run.identity)
        live = state is not None and not state.final
        if live or self.runs.results.answer(run.identity) is not None:
            return
        if not self._background.acquire(blocking=False):
            raise BusyError(f"{_BACKGROUND} runs wait for their turn already: ask again")
        self.runs.announce(run.identity, run.total)
        Thread(target=self._in_background, args=(run,), name=f"run-{run.identity}").start()

    def _in_background(self, run: "EnsembleRun") -> None:
        try:
            self.answer(run)
        except HabsimError as error:
            logger.warning("ensemble %s: %s", run.identity, error)
        finally:
            self._background.release()


class EnsembleRun:
    """One ensemble in one forecast: what it is called, and how it is computed."""

    def __init__(
        self, library: Library, metrics: Metrics, forecast: Forecast, ground: Elevation, ensemble: Ensemble
    ) -> None:
        self.begun = False
        self._library = library
        self._metrics = metrics
        self._forecast = forecast
        self._ground = ground
        self._ensemble = ensemble
        self.identity = ensemble.key(str(forecast.cycle), forecast.identity())
        self.total = ensemble.members * (1 + ensemble.perturbations)

    def compute(self, reporter: Reporter) -> Answer:
        """Return the answer; members fly as their files arrive.

        A member whose data cannot be had is left out and named.  Raises `UnavailableError` if that is too
        many, `OutsideForecastError` if any flight leaves the forecast, `TimeLimitError` if nothing was done
        in the time a run may take.
        """
        self.begun = True
        try:
            with self._forecast.held():
                answer = self._computed(reporter)
        except BaseException:
            self._metrics.count_ensemble("failed")
            raise
        self._metrics.count_ensemble("partial" if answer.partial else "computed")
        return answer

    def _computed(self, reporter: Reporter) -> Answer:
        began = time.monotonic()
        members = range(self._ensemble.members)
        self._flights = self._ensemble.flights(self._ground)
        flown: dict[int, Flown] = {}
        failed: dict[int, HabsimError] = {}
        for member, wind in self._winds(began + _TIME_LIMIT):
            try:
                flown[member] = self._fly(member, wind)
            except OutsideForecastError:
                raise
            except HabsimError as error:
                logger.warning("member %d left out: %s", member, error)
                failed[member] = error
            reporter.tell(len(flown) * self.total // len(members), SIMULATING)
        partial = len(flown) + len(failed) < len(members)
        if len(failed) >= _TOO_MANY_FAILED or 2 * len(failed) > len(members):
            first = next(iter(failed.values()))
            raise UnavailableError(
                f"{len(failed)} of {len(members)} members of cycle {self._forecast.cycle} "
                f"cannot be used: {first}"
            )
        if not flown:
            raise TimeLimitError(f"no member's winds arrived within {_TIME_LIMIT:g} s: ask again")
        cycle, demo = str(self._forecast.cycle), self._forecast.store.demo
        flights = [flown.get(member) for member in members]
        plan = self._ensemble.plan
        answer, picture = compose(flights, plan, self._ground, self.identity, cycle, demo, partial)
        text = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        logger.info(
            "ensemble %s: %d of %d members in %.3f s",
            self.identity, len(flown), len(members), time.monotonic() - began,
        )  # fmt: skip
        return Answer(text, picture, partial, whole=len(flown) == len(members))

    def _fly(self, member: int, wind: WindFile | HabsimError) -> Flown:
        """Return the flights of one member; raises why there are none."""
        if isinstance(wind, HabsimError):
            raise wind
        flown = fly(wind, self._ground, self._flights[member], self._ensemble.plan.parachute)
        self._metrics.flights.inc(len(flown.status))
        return flown

    def _winds(self, deadline: float) -> Iterator[tuple[int, WindFile | HabsimError]]:
        """Yield each member's winds, or why there are none, as they come, until `deadline`.

        What has to be copied first is, many at a time; a copy that comes too late is kept for the next run.
        """
        members = range(self._ensemble.members)
        if not self._forecast.store.remote:
            yield from ((member, self._wind(member)) for member in members)
            return
        pool = ThreadPoolExecutor(_COPIES, thread_name_prefix="copy")
        try:
            waiting = {pool.submit(self._wind, member): member for member in members}
            for done in as_completed(waiting, timeout=deadline - time.monotonic()):
                yield waiting[done], done.result()
        except TimeoutError:
            logger.warning("ensemble %s: out of time", self.identity)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _wind(self, member: int) -> WindFile | HabsimError:
        try:
            return self._library.wind(self._forecast, member)
        except HabsimError as error:
            return error
