"""A cycle on its way from NOAA to the store: fetched by threads, decoded by processes, joined to members.

What is done stays done: after a kill the next run goes on with the slices and spools in the work folder.
Each file comes from the first host that has it.
"""

import logging
import multiprocessing
import shutil
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from habsim import member
from habsim.errors import BadFileError, HabsimError, UnavailableError
from scripts.downloader.decode import Job, decode
from scripts.downloader.hosts import AbsentError, GoneError, Host, TroubleError
from scripts.downloader.plan import LEVELS_HPA, Plan, grib_path
from scripts.downloader.report import Report
from scripts.downloader.spool import fetch
from scripts.downloader.target import Target

_AHEAD = 4  # slices for each connection, that may be on their way at once
_HOUR = 3600.0
_PATIENCE = 60.0  # s, between words to the store that this run is alive

logger = logging.getLogger(__name__)


class Collector:
    """Brings the members of `plan` from `hosts`, tried in turn, to `target`, by way of the folder `work`."""

    def __init__(
        self, plan: Plan, hosts: Sequence[Host], target: Target, work: Path, connections: int, cores: int
    ) -> None:
        self._plan = plan
        self._hosts = hosts
        self._target = target
        self._work = work
        self._connections = connections
        self._cores = cores

    def collect(self, report: Report) -> None:
        """Make every member a file of the store.

        Raises `AbsentError` if something is not there yet, and other `HabsimError`s for what cannot be mended
        by waiting; what was done till then counts the next time.
        """
        plan = self._plan
        missing = [number for number in range(plan.members) if not self._published(number)]
        report.begin(plan.files, plan.files - len(missing) * len(plan.times))
        context = multiprocessing.get_context("spawn")  # a fork of threads may hang
        with (
            ThreadPoolExecutor(self._connections) as fetching,
            ProcessPoolExecutor(self._cores, mp_context=context) as decoding,
        ):
            try:
                for number in missing:
                    self._member(number, report, fetching, decoding)
            except BrokenProcessPool as error:
                raise UnavailableError(
                    "a process that decodes was killed, perhaps for want of memory: try fewer --cores"
                ) from error
            except BaseException:
                fetching.shutdown(wait=False, cancel_futures=True)
                decoding.shutdown(wait=False, cancel_futures=True)
                raise
        shutil.rmtree(self._work, ignore_errors=True)

    def _published(self, number: int) -> bool:
        return self._target.sound(self._plan.cycle.member_file(number), self._plan)

    def _member(
        self, number: int, report: Report, fetching: ThreadPoolExecutor, decoding: ProcessPoolExecutor
    ) -> None:
        """Fetch, decode and publish one member."""
        waiting: set[Future[object]] = set()
        for hour in self._plan.times:
            if self._slice(number, hour).exists():
                report.done()
                continue
            while len(waiting) >= _AHEAD * self._connections:
                waiting = self._settled(waiting)
            waiting.add(fetching.submit(self._instant, number, hour, report, decoding))
        while waiting:
            waiting = self._settled(waiting)
        slices = [self._slice(number, hour) for hour in self._plan.times]
        name = self._plan.cycle.member_file(number)
        start, interval = self._plan.cycle.time, self._plan.step * _HOUR
        origin = self._origin(number, slices[-1])
        write = partial(member.join, paths=slices, start=start, interval=interval, origin=origin)
        self._target.put(name, write, self._plan)
        logger.info("published %s", name)
        for path in slices:
            path.unlink()

    def _settled(self, waiting: set[Future[object]]) -> set[Future[object]]:
        """Return those of `waiting` not done when the next is, or after a while; raises what one raised."""
        done, rest = wait(waiting, _PATIENCE, FIRST_COMPLETED)
        for future in done:
            future.result()
        self._target.renew()
        return rest

    def _instant(self, number: int, hour: int, report: Report, decoding: ProcessPoolExecutor) -> None:
        """Fetch and decode one instant; a file that is bad at one host is asked of the next."""
        for attempt, _ in enumerate(self._hosts):
            spools = tuple(
                self._file(number, hour, product, report, attempt) for product in sorted(LEVELS_HPA)
            )
            job = Job(self._plan, number, hour, spools, self._slice(number, hour))
            try:
                decoding.submit(decode, job).result()
            except BadFileError as error:
                if attempt == len(self._hosts) - 1:
                    raise
                logger.warning("%s: asking another host", error)
            else:
                report.done()
                return

    def _file(self, number: int, hour: int, product: str, report: Report, skip: int) -> Path:
        """Return the spool of one GRIB2 file, from the first host after `skip` that has it."""
        path = grib_path(self._plan.cycle, number, product, hour)
        failures: list[HabsimError] = []
        for index, host in enumerate(self._hosts[skip:], skip):
            spool = self._work / f"{number:02d}_{hour:03d}.{product}.{index}.grb"
            try:
                return fetch(host, path, product, self._plan.heights, spool, report.advance)
            except (AbsentError, GoneError, TroubleError, BadFileError) as error:
                failures.append(error)
        absent = [failure for failure in failures if isinstance(failure, AbsentError)]
        if absent:
            raise absent[0]
        raise UnavailableError("; ".join(map(str, failures)))

    def _slice(self, number: int, hour: int) -> Path:
        return self._work / f"{number:02d}_{hour:03d}.npz"

    def _origin(self, number: int, part: Path) -> str:
        """Return where a member's numbers come from; what was done to them is as in its slice `part`."""
        plan = self._plan
        with part.open("rb") as stream:
            _, _, done = (member.parse(stream, part.name).origin or "").partition("; ")
        text = f"NOAA GEFS, cycle {plan.cycle}, member {number}, every {plan.step} h to {plan.hours} h"
        return f"{text}; {done}" if done else text
