"""How fast GRIB2 messages of 0.5 degree become slices, in two processes if there are two cores."""

import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

from habsim.cycle import Cycle
from scripts.bench_rows import REPEATS, Row, loop
from scripts.downloader.decode import Job, decode
from scripts.downloader.plan import LEVELS_HPA, NATIVE, Plan
from tests.noaa import gribbed

CYCLE = Cycle("2026010100")
PRODUCTS = sorted(LEVELS_HPA)
FIELDS = 3 * sum(map(len, LEVELS_HPA.values())) - 1  # of an instant: no height at 400 hPa


def measure() -> list[Row]:
    """Return messages a second, decoded, packed and written, in pairs of instants."""
    cores = min(os.cpu_count() or 1, 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = [wanted(*gribbed(CYCLE, 0, product, 0, NATIVE)) for product in PRODUCTS]
        rates, loops = [], []
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(cores, mp_context=context) as pool:
            list(pool.map(decode, jobs(folder, whole, cores)))  # the processes import what they need
            for _ in range(REPEATS):
                work = jobs(folder, whole, cores)
                loops.append(loop())
                began = time.perf_counter()
                list(pool.map(decode, work))
                rates.append(cores * FIELDS / (time.perf_counter() - began))
    spread = f"{min(rates):.3g} to {max(rates):.3g}, {cores} processes"
    return [Row("0.5 degree messages decoded and packed", median(rates), "1/s", spread, median(loops))]


def wanted(content: bytes, listing: str) -> bytes:
    """Return a file without its first message, which nobody wants."""
    return content[int(listing.splitlines()[1].split(":")[1]) :]


def jobs(folder: Path, whole: list[bytes], count: int) -> list[Job]:
    """Return `count` jobs, their spools in place."""
    made = []
    for number in range(count):
        spools = tuple(folder / f"{number}.{product}.0.grb" for product in PRODUCTS)
        for spool, content in zip(spools, whole, strict=True):
            spool.write_bytes(content)
        made.append(Job(Plan(CYCLE, resolution=NATIVE), 0, 0, spools, folder / f"{number}.npz"))
    return made
