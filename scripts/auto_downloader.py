"""Bring NOAA's GEFS ensemble into the store that the server reads: this morning's, or each as it comes.

    python scripts/auto_downloader.py --mode single       # the newest complete cycle
    python scripts/auto_downloader.py --mode single --cycle 2026112406
    python scripts/auto_downloader.py --mode daemon       # every cycle, as soon as it is complete
    python scripts/auto_downloader.py --check             # what is there; downloads nothing

The store is that of the server's settings: HABSIM_STORE (a folder or s3://bucket/prefix), else data/store.
Winds come from the public bucket noaa-gefs-pds, and what it lacks from NOMADS.  Needs requirements-grib.txt.
"""

import argparse
import hashlib
import logging
import logging.config
import os
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from habsim import logs
from habsim.cycle import PERIOD, Cycle
from habsim.errors import BusyError, HabsimError, InvalidRequestError, UnavailableError
from habsim.files import claim
from habsim.settings import S3Settings, Settings
from scripts.arguments import USAGE, Parser, cycle_of
from scripts.downloader.bucket_target import BucketTarget
from scripts.downloader.collect import Collector
from scripts.downloader.folder_target import FolderTarget
from scripts.downloader.hosts import (
    BUCKET,
    CONNECTIONS,
    NOMADS,
    NOMADS_REQUESTS,
    NOMADS_SPACING,
    AbsentError,
    Clock,
    Host,
    TroubleError,
)
from scripts.downloader.plan import MEMBERS, Plan, grib_path
from scripts.downloader.report import Report
from scripts.downloader.target import Target, complete, current, point

DONE, NOT_YET, FAILED = 0, 1, 2  # exit codes
_CYCLES = 6  # that are looked for, back from now
_RANGES = 25  # of a GRIB2 file, about, where messages that are not neighbours are asked for one by one
_GAP = 1 << 20  # bytes, of messages of NOMADS worth fetching together: requests are dear there
_SLICES = 2  # members, for whose slices there must be room beside the store's files
_LONGEST = 1800.0  # s, between looks after failures

logger = logging.getLogger("downloader")


class Downloader:
    """Takes cycles from `hosts` to `target`; `work` is the folder of what is half done."""

    def __init__(
        self, arguments: argparse.Namespace, hosts: Sequence[Host], target: Target, work: Path, clock: Clock
    ) -> None:
        self._arguments = arguments
        self._hosts = hosts
        self._target = target
        self._work = work
        self._clock = clock

    def plan(self, cycle: Cycle) -> Plan:
        """Return what is wanted of `cycle`."""
        a = self._arguments
        return Plan(cycle, a.members, a.hours, a.step, a.resolution, a.heights)

    def newest(self) -> Cycle | None:
        """Return the newest cycle whose last files are there, if any."""
        return next((cycle for cycle in self.recent() if self.whole(cycle)), None)

    def recent(self) -> list[Cycle]:
        """Return the cycles that may be there, the newest first."""
        return [Cycle.at(self._clock.now() - number * PERIOD) for number in range(_CYCLES)]

    def whole(self, cycle: Cycle) -> bool:
        """Return whether a host has the last hour of the first and the last member of `cycle`."""
        last = self._arguments.members - 1
        paths = [
            grib_path(cycle, member, product, self._arguments.hours)
            for member in sorted({0, last})
            for product in ("a", "b")
        ]
        return all(any(host.has(f"{path}.idx") for host in self._hosts) for path in paths)

    def take(self, cycle: Cycle | None) -> int:
        """Bring `cycle`, or the newest that is newer than the store's; return an exit code."""
        wanted, have = cycle or self.newest(), current(self._target)
        if wanted is None or (cycle is None and have is not None and wanted.time < have.time):
            logger.info("no newer cycle is complete yet; the store %s has %s", self._target.address, have)
            return NOT_YET if have is None or wanted is None else DONE
        if complete(self._target, wanted, self._arguments.members):
            logger.info("cycle %s is in the store %s already", wanted, self._target.address)
            return DONE
        with claim(self._work / "downloader.lock") as held:
            if not held:
                raise BusyError(f"another downloader is at work in {self._work}")
            with self._target.claimed():
                self._bring(self.plan(wanted))
        return DONE

    def _bring(self, plan: Plan) -> None:
        work = self._work / f"{plan.cycle}-{hashlib.sha256(repr(plan).encode()).hexdigest()[:8]}"
        work.mkdir(parents=True, exist_ok=True)
        self._forget_before(plan.cycle)
        for host in self._hosts:
            host.count_in(work / "requests")
        self._announce(plan)
        report = Report(sys.stderr, self._clock.now)
        arguments = self._arguments
        Collector(plan, self._hosts, self._target, work, arguments.connections, arguments.cores).collect(
            report
        )
        if not self._target.has_elevation():
            self._target.put_elevation()
            logger.info("published the coarse elevation that comes along: the store had none")
        gone = point(self._target, plan.cycle, self._clock.now())
        logger.info("cycle %s published in %s: %s", plan.cycle, self._target.address, report.end())
        if gone:
            logger.info("removed %d files of older cycles", len(gone))

    def _forget_before(self, cycle: Cycle) -> None:
        """Remove what is half done of cycles before `cycle`."""
        for folder in self._work.iterdir():
            if re.fullmatch(r"\d{10}-[0-9a-f]{8}", folder.name) and folder.name[:10] < cycle.name:
                shutil.rmtree(folder)

    def _announce(self, plan: Plan) -> None:
        """Say what it will cost; raises `UnavailableError` where it cannot fit."""
        members, slices = plan.members * plan.member_bytes, _SLICES * plan.member_bytes
        logger.info(
            "cycle %s: %d members, %d hours every %d h, %g degrees: %.1f GB in the store, about %.1f GB of "
            "traffic in about %d requests",
            *(plan.cycle, plan.members, plan.hours, plan.step, plan.resolution, members / 1e9),
            *(plan.traffic / 1e9, plan.requests(_RANGES)),
        )
        names = self._target.names()
        present = sum(plan.cycle.member_file(number) in names for number in range(plan.members))
        missing = (plan.members - present) * plan.member_bytes
        needs = [
            (self._target.address, self._target.free(), missing + slices),
            (str(self._work), shutil.disk_usage(self._work).free, slices),
        ]
        for place, room, need in needs:
            if room is not None and need > room:
                raise UnavailableError(
                    f"cycle {plan.cycle} needs {need / 1e9:.1f} GB in {place}, {room / 1e9:.1f} GB are free: "
                    "fewer --members or --hours, or --no-heights"
                )

    def follow(self) -> NoReturn:
        """Take each cycle as it comes, for ever; failures make the looks rarer, a sound one often again."""
        failures = 0
        while True:
            try:
                self.take(None)
                failures = 0
            except HabsimError as error:
                failures += 1
                logger.error("%s", error)
            self._clock.pause(failures, self._arguments.poll, max(_LONGEST, self._arguments.poll))

    def check(self) -> None:
        """Print which cycles are there, and what the store has."""
        for cycle in self.recent():
            print(f"{cycle}  {'complete' if self.whole(cycle) else 'not complete'}")
        print(f"{current(self._target) or 'no cycle'} in the store {self._target.address}")


def parser() -> argparse.ArgumentParser:
    """Return what understands the command line."""
    summary, _, details = (__doc__ or "").partition("\n\n")
    codes = (
        f"Exit codes: {DONE} published or there already, {NOT_YET} not yet, {FAILED} failed, {USAGE} usage."
    )
    made = Parser(
        prog="auto_downloader",
        description=summary,
        epilog=f"{details}\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--mode", choices=("single", "daemon"), default="single", help="one cycle, or all as they come")
    add("--check", action="store_true", help="say what is there, download nothing")
    add("--cycle", type=cycle_of, metavar="YYYYMMDDHH", help="this cycle, not the newest complete one")
    add("--members", type=int, default=21, help=f"the control run and perturbed ones, up to {MEMBERS}")
    add("--hours", type=int, default=96, help="of forecast (default 96, up to 384)")
    add("--step", type=int, default=3, help="hours between times (default 3; 6 beyond 240 h)")
    add("--resolution", type=float, default=1.0, help="degrees, 0.5 or a multiple (default 1)")
    add("--heights", action=argparse.BooleanOptionalAction, default=True, help="geopotential heights, too")
    add("--source", choices=("auto", "bucket", "nomads"), default="auto", help="auto: NOMADS fills gaps only")
    add("--source-url", action="append", metavar="URL", help="of NOAA's tree elsewhere; several: in turn")
    add("--yes", action="store_true", help="with --source nomads: ask it as often as it takes")
    add("--contact", default=os.environ.get("HABSIM_CONTACT", ""), help="address for NOAA, in the User-Agent")
    add("--work", type=Path, help="folder of what is half done (default download/ in the data folder)")
    add("--connections", type=int, default=CONNECTIONS, help=f"at once (default {CONNECTIONS})")
    add("--cores", type=int, default=os.cpu_count() or 1, help="that decode")
    add("--poll", type=float, default=300.0, metavar="SECONDS", help="between looks of the daemon")
    return made


def hosts_of(arguments: argparse.Namespace, clock: Clock) -> list[Host]:
    """Return the hosts to ask, in turn."""
    contact = f"; {arguments.contact}" if arguments.contact else ""
    agent = f"HABSIM/1 (balloon landing predictions{contact})"
    if arguments.source_url:
        return [Host(url, agent, clock) for url in arguments.source_url]
    insisting = arguments.source == "nomads" and arguments.yes
    limit = None if insisting else NOMADS_REQUESTS
    bucket = Host(BUCKET, agent, clock)
    nomads = Host(NOMADS, agent, clock, spacing=NOMADS_SPACING, limit=limit, gap=_GAP)
    return {"auto": [bucket, nomads], "bucket": [bucket], "nomads": [nomads]}[arguments.source]


def run(arguments: argparse.Namespace, settings: Settings, clock: Clock) -> int:
    """Do what `arguments` say with the store of `settings`; return an exit code."""
    work = arguments.work or settings.data_dir / "download"
    work.mkdir(parents=True, exist_ok=True)
    target: Target
    if isinstance(settings.store, S3Settings):
        target = BucketTarget(settings.store, work, clock.now)
    else:
        target = FolderTarget(settings.store or settings.data_dir / "store")
    downloader = Downloader(arguments, hosts_of(arguments, clock), target, work, clock)
    if arguments.check:
        downloader.check()
        return DONE
    if arguments.mode == "daemon":
        downloader.follow()
    return downloader.take(arguments.cycle)


def main(words: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run the command; return its exit code."""
    arguments = parser().parse_args(words)
    logging.config.dictConfig(logs.configuration(os.environ.get("HABSIM_LOG_FORMAT") or "text"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        settings = Settings.from_environment(os.environ)
        cycle = arguments.cycle or Cycle("2026010100")  # any: the plan is judged before anything is asked
        Plan(
            cycle, arguments.members, arguments.hours, arguments.step, arguments.resolution, arguments.heights
        )
        if arguments.connections < 1 or arguments.cores < 1 or arguments.poll <= 0.0:
            raise InvalidRequestError("--connections and --cores must be at least 1, --poll above 0")
    except HabsimError as error:
        parser().error(str(error))
    try:
        return run(arguments, settings, clock or Clock())
    except (AbsentError, BusyError) as error:
        logger.error("not yet: %s", error)
        return NOT_YET
    except (HabsimError, OSError) as error:
        hint = "" if isinstance(error, TroubleError) else "; the store serves what it served before"
        logger.error("failed: %s%s", error, hint)
        return FAILED
    except Exception:  # Python's own exit code for it would say "not yet"
        logger.exception("failed: this is a bug; the store serves what it served before")
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
