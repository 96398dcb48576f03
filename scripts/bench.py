"""Measures HABSIM: the engine, a server over HTTP, a cold one, the integrator's error, GRIB2, the map page.

    python scripts/bench.py                              # all; writes 6.5 GB and removes them
    python scripts/bench.py engine --members 3 --times 9  # 130 MB
    python scripts/bench.py page                         # needs Chromium and requirements-dev.txt
    python scripts/bench.py http --folder /big/store     # made there once, kept and used again
    python scripts/bench.py cold --folder /big/store     # over a bucket 30 ms away; copies 6.5 GB, too

Full size are 21 members of 1 degree, 19 levels and 65 times: 308 MiB each, 463 MiB with --heights.  Every
figure is the median of five.  `loop` is what a fixed loop took meanwhile: compare runs only where it agrees.
"""

import argparse
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from scripts import (
    bench_cold,
    bench_decode,
    bench_engine,
    bench_error,
    bench_http,
    bench_page,
    bench_store,
)
from scripts.bench_rows import Row, print_table

SECTIONS = ("engine", "http", "cold", "error", "decode", "page")


def main() -> None:
    """Make the store, measure, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("section", nargs="?", default="all", choices=(*SECTIONS, "all"))
    parser.add_argument(
        "--folder", type=Path, help="of the store, used as it is if there is one; else temporary"
    )
    parser.add_argument("--members", type=int, default=21)
    parser.add_argument("--times", type=int, default=65, help="slices, 6 h apart; at least 5")
    parser.add_argument("--heights", action="store_true", help="give members heights")
    parser.add_argument("--workers", type=int, default=2, help="of the server")
    arguments = parser.parse_args()
    chosen = SECTIONS if arguments.section == "all" else (arguments.section,)
    rows: list[Row] = []
    if "error" in chosen:
        rows += bench_error.measure()
    if "decode" in chosen:
        rows += bench_decode.measure()
    if "page" in chosen:
        rows += bench_page.measure()
    if {"engine", "http", "cold"} & set(chosen):
        place = nullcontext(arguments.folder) if arguments.folder else tempfile.TemporaryDirectory()
        with place as name:
            folder = Path(name)
            bench_store.make(folder, arguments.members, arguments.times, arguments.heights)
            if "engine" in chosen:
                rows += bench_engine.measure(folder)
            if "http" in chosen:
                rows += bench_http.measure(folder, arguments.workers)
            if "cold" in chosen:
                rows += bench_cold.measure(folder, arguments.workers)
    print_table(rows)


if __name__ == "__main__":
    main()
