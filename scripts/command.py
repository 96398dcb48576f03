"""The command line: one flight, an ensemble, or a launch window, without a server.

    scripts/habsim predict  --time 2026-11-27T18:00Z --lat 37.3553 --lon -121.8763 --burst 30000
    scripts/habsim ensemble --time +2h --lat 37.3553 --lon -121.8763 --burst 30000 --format kml > flight.kml
    scripts/habsim window   --time +2h --lat 37.3553 --lon -121.8763 --burst 30000 --interval 60 --count 24

Exit codes: 0 done, 1 the winds cannot be had, 2 a wrong parameter or setting.
"""

import argparse
import csv
import io
import json
import re
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from habsim import export
from habsim.errors import HabsimError, InvalidRequestError, SettingsError
from habsim.export_scene import DEMO, SPREAD
from scripts.client import Client, Json, ensemble_query
from scripts.tables import ensemble_table, flight_table, window_row, window_table

FILES = ("csv", "kml", "geojson")
BAR = 40  # characters


def main() -> None:
    """Do what the command line says."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = _options(sys.argv[1:])
    try:
        client = Client(options.store, options.members)
        if client.demo:
            print(f"habsim: {DEMO}", file=sys.stderr)
        text = options.run(client, options, _parameters(options))
        if options.out is None:
            sys.stdout.write(text)
        else:
            options.out.write_text(text)
    except (InvalidRequestError, SettingsError) as error:
        sys.exit(_complaint(error, 2))
    except (HabsimError, OSError) as error:
        sys.exit(_complaint(error, 1))
    except KeyboardInterrupt:
        sys.exit(130)


def _complaint(error: Exception, code: int) -> int:
    print(f"habsim: {error}", file=sys.stderr)
    return code


def _options(words: list[str]) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        prog="habsim", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--store", help="folder with a cycle; else HABSIM_STORE, or the demonstration")
    common.add_argument("--members", type=int, help="of the cycle; else HABSIM_MEMBERS, or 21")
    common.add_argument("--time", required=True, type=instant, help="2026-11-27T18:00Z, Unix seconds, or +2h")
    common.add_argument("--lat", required=True, help="launch latitude, degrees")
    common.add_argument("--lon", required=True, help="launch longitude, degrees")
    common.add_argument("--alt", default="0", help="launch altitude, m; raised to the ground (default 0)")
    common.add_argument("--burst", required=True, dest="equil", help="burst or float altitude, m")
    common.add_argument("--float", default="0", dest="eqtime", help="hours at that altitude (default 0)")
    common.add_argument("--asc", default="5", help="ascent rate, m/s (default 5)")
    common.add_argument("--desc", default="5", help="descent rate, m/s (default 5)")
    common.add_argument("--coeff", default="1", help="scales the wind (default 1)")
    common.add_argument(
        "--drag", action="store_const", const="drag", default="constant", dest="descent_model",
        help="under a parachute: --desc is the rate at sea level",
    )  # fmt: skip
    common.add_argument("--out", type=Path, help="file to write, else to standard output")
    commands = parser.add_subparsers(required=True, metavar="predict|ensemble|window")
    one = commands.add_parser("predict", parents=[common], help="one flight in one member")
    one.add_argument("--model", default="0", help="member (default 0, the control run)")
    one.set_defaults(run=_predict)
    every = commands.add_parser("ensemble", parents=[common], help="every member, with launch variations")
    every.set_defaults(run=_ensemble)
    window = commands.add_parser(
        "window", parents=[common], help="an ensemble for each of several launch times"
    )
    window.add_argument("--interval", type=float, default=60.0, help="minutes between launches (default 60)")
    window.add_argument("--count", type=int, default=12, help="of launches (default 12)")
    window.set_defaults(run=_window)
    for command in (every, window):
        command.add_argument(
            "--perturbations", default="20", dest="num_perturbations", help="a member (default 20)"
        )
    for command, formats in ((one, FILES), (every, FILES), (window, ("csv",))):
        command.add_argument("--format", default="table", choices=("table", "json", *formats))
    return parser.parse_args(words)


def instant(text: str) -> float:
    """Return the Unix time that `text` says: a number, an RFC 3339 time, or `+` minutes or hours from now."""
    later = re.fullmatch(r"\+(\d+(?:\.\d+)?)(min|h)", text)
    try:
        if later is not None:
            return float(round(time.time())) + float(later[1]) * (60.0 if later[2] == "min" else 3600.0)
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a time: {text!r}; try 2026-11-27T18:00Z or +2h") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _parameters(options: argparse.Namespace) -> Json:
    """Return the parameters of the API that `options` give."""
    names = ("lat", "lon", "alt", "equil", "eqtime", "asc", "desc", "coeff", "descent_model")
    own = ("model", "num_perturbations")
    given = {name: getattr(options, name) for name in (*names, *own) if hasattr(options, name)}
    return {"timestamp": options.time, **given}


def _predict(client: Client, options: argparse.Namespace, parameters: Json) -> str:
    """Return one flight as text."""
    result = client.flight(**parameters)
    asked = client.flight_query(**parameters).model_dump(exclude={"format"})
    return _text("flight", options.format, result, asked, flight_table)


def _ensemble(client: Client, options: argparse.Namespace, parameters: Json) -> str:
    """Return an ensemble as text."""
    result = client.ensemble(_bar(), **parameters)
    asked = ensemble_query(**parameters).model_dump(exclude={"format"})
    return _text("ensemble", options.format, result, asked, ensemble_table)


def _text(kind: str, form: str, result: Json, parameters: Json, table: Callable[[Json], str]) -> str:
    if form == "table":
        return table(result)
    return f"{json.dumps(result)}\n" if form == "json" else export.WRITERS[kind, form](result, parameters)


def _window(client: Client, options: argparse.Namespace, parameters: Json) -> str:
    """Return a launch window as text: a row a launch."""
    if options.interval <= 0.0 or not 1 <= options.count <= 1000:
        raise InvalidRequestError("--interval must be over 0 minutes, and --count from 1 to 1000")
    launches = client.window(60.0 * options.interval, options.count, _bar(), **parameters)
    rows = [window_row(launch, result) for launch, result in launches]
    if options.format == "json":
        return f"{json.dumps(rows)}\n"
    if options.format == "table":
        return window_table(rows) + SPREAD.format(client.members) + "\n"
    text = io.StringIO()
    if client.demo:
        text.write(f"# {DEMO}\n")
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _bar() -> Callable[[int, int], None] | None:
    """Return what draws a progress bar on a terminal, or None where there is none."""
    if not sys.stderr.isatty():
        return None

    def draw(done: int, total: int) -> None:
        filled = BAR * done // total
        end = "\n" if done == total else ""
        print(
            f"\r[{'#' * filled}{' ' * (BAR - filled)}] {done}/{total}", end=end, file=sys.stderr, flush=True
        )

    return draw


if __name__ == "__main__":
    main()
