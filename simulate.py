"""Predictions: open winds, one flight, and ensembles, each computed once on a host.

A run resolves the forecast once and carries it.
"""

import logging
import math
import time
from collections.abc import Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from threading import BoundedSemaphore, Lock, Thread

import orjson
from cachetools import TTLCache

import elev
import windfile
from elev import Elevation
from gefs import Cycles, Forecast
from habsim.answer import check_enough, compose
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
)
from habsim.flight import FlightPlan
from habsim.metrics import Metrics
from habsim.openfiles import OpenFiles
from habsim.points import paths, rounded
from habsim.progress import SIMULATING, Reporter
from habsim.results import LIFETIME
from habsim.runs import Answer, Runs
from habsim.stores import ELEVATION
from habsim.trajectory import Flown, fly
from windfile import WindFile

_FLIGHTS = 200  # single flights that a worker remembers
_AT_ONCE = 32  # members that wait for data
_GROWN = 600.0  # s, that the files of an ensemble stay open
_PATIENCE = 10.0  # s, that a request waits for a usable cycle
_TIME_LIMIT = 600.0  # s, of a run
_BACKGROUND = 32  # runs at a time, in a worker, that no request waits for

logger = logging.getLogger(__name__)


class Library:
    """Open wind files and elevation, shared by the threads of a worker."""

    def __init__(self, metrics: Metrics, size: int = 10, grown_size: int = 30) -> None:
        """Keep `size` wind files open, and `grown_size` while ensembles need them."""
        self._metrics = metrics
        self.size = size
        self.grown_size = grown_size
        self._winds = OpenFiles(grown_size, windfile.survey, WindFile.open)
        self._grounds = OpenFiles(2, elev.survey, Elevation.open)
        self._grown_until = -math.inf

    def grow(self) -> None:
        """Keep the wind files of an ensemble open for some minutes."""
        self._grown_until = time.monotonic() + _GROWN

    def limit(self) -> int:
        """Return how many wind files are kept open now."""
        return self.grown_size if time.monotonic() < self._grown_until else self.size

    def names(self) -> list[str]:
        """Return the names of the open wind files."""
        return sorted(wind.name for wind in self._winds.all())

    def wind(self, forecast: Forecast, member: int) -> WindFile:
        """Return the winds of `member`; raises `NotFoundError` if the store lacks them."""
        name = forecast.cycle.member_file(member)
        tag = forecast.store.tag(name)
        if tag is None:
            raise NotFoundError(f"member {member} of cycle {forecast.cycle} is not in the store")
        wind = self._winds.get(forecast.store, name, tag, partial(self._metrics.count_cache, "simulators"))
        self._winds.shrink(self.limit())
        return wind

    def first_wind(self, forecast: Forecast) -> WindFile:
        """Return the winds of the first member that is there; raises `StoreError` if none is."""
        present = forecast.present()
        if not present:
            raise StoreError(f"no member of cycle {forecast.cycle} is left in the store: publish it again")
        return self.wind(forecast, present[0])

    def fly(
        self, forecast: Forecast, member: int, ground: Elevation, flights: Floats, parachute: bool
    ) -> Flown:
        """Return what becomes of `flights`, rows as of `habsim.trajectory.fly`, in the winds of `member`.

        A mirror with winds that are no numbers goes: if they were damaged on the way, they come anew.
        """
        wind = self.wind(forecast, member)
        try:
            return fly(wind, ground, flights, parachute)
        except BadFileError:
            if wind.partly is not None:
                forecast.store.drop(forecast.cycle.member_file(member))
            raise

    def ground(self, forecast: Forecast) -> Elevation:
        """Return the ground elevation; raises `BadFileError` if it is missing or unusable."""
        tag = forecast.store.tag(ELEVATION) or ""
        return self._grounds.get(forecast.store, ELEVATION, tag, lambda _hit: None)


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

    def warm(self) -> None:
        """Fetch what the first ensemble of the current cycle needs of a bucket, wherever it is launched."""
        forecast = self.cycles.current()
        if forecast.store.remote:
            self.library.ground(forecast)
            begin = partial(forecast.store.begin, survey=windfile.survey)
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="warm") as pool:
                list(pool.map(begin, map(forecast.cycle.member_file, range(forecast.members))))

    def flight(self, forecast: Forecast, plan: FlightPlan, member: int) -> list[Floats]:
        """Return ascent, coast and descent of `plan` in `member`, points (point, 4): lat, lon, alt, time."""
        ground = self.library.ground(forecast)
        key = (forecast.identity(), forecast.cycle, plan, member)
        with self._flights_lock:
            found = self.flights.get(key)
        self._metrics.count_cache("predictions", hit=found is not None)
        if found is None:
            raised = plan.raised(float(ground.at(plan.lat, plan.lon)))
            with forecast.held():
                flown = self.library.fly(forecast, member, ground, raised.columns(), plan.parachute)
            (phases,) = paths([flown])
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
        for member, result in self._results(began + _TIME_LIMIT):
            if isinstance(result, OutsideForecastError):
                raise result
            if isinstance(result, HabsimError):
                logger.warning("member %d left out: %s", member, result)
                failed[member] = result
            else:
                flown[member] = result
            reporter.tell(len(flown) * self.total // len(members), SIMULATING)
        partial = len(flown) + len(failed) < len(members)
        check_enough(failed, len(members), str(self._forecast.cycle))
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

    def _results(self, deadline: float) -> Iterator[tuple[int, Flown | HabsimError]]:
        """Yield each member's flights, or why there are none, as they come, until `deadline`.

        Where data have to come first, many members wait for theirs at a time; those that come too late are
        kept for the next run.
        """
        members = range(self._ensemble.members)
        if not self._forecast.store.remote:
            yield from ((member, self._fly(member)) for member in members)
            return
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="member")
        try:
            waiting = {pool.submit(self._fly, member): member for member in members}
            for done in as_completed(waiting, timeout=deadline - time.monotonic()):
                yield waiting[done], done.result()
        except TimeoutError:
            logger.warning("ensemble %s: out of time", self.identity)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _fly(self, member: int) -> Flown | HabsimError:
        """Return the flights of one member, or why there are none."""
        try:
            parachute = self._ensemble.plan.parachute
            flown = self._library.fly(self._forecast, member, self._ground, self._flights[member], parachute)
        except HabsimError as error:
            return error
        self._metrics.flights.inc(len(flown.status))
        return flown
