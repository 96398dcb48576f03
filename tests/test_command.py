"""The command line prints tables, writes files, and ends with codes that scripts can use."""

import csv
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts.command import instant
from tests.stores import CYCLE, HOUR, eastward_degrees, publish_cycle

ROOT = Path(__file__).parent.parent
LAUNCH = CYCLE.time + 6 * HOUR
FLIGHT = ["--lat", "0", "--lon", "20", "--burst", "15000", "--asc", "5", "--desc", "4"]
LANDING = 20.0 + eastward_degrees(10.0, 0.0, 15_000.0, 5.0, 4.0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_cycle(tmp_path_factory.mktemp("store"), CYCLE, ((10.0, 0.0),) * 3)


def habsim(store: Path, command: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Return how `scripts/habsim command` ends."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "scripts" / "command.py"), command, *FLIGHT, *words],
        cwd=store,
        env={"HABSIM_STORE": str(store), "HABSIM_MEMBERS": "3", "HABSIM_DATA_DIR": str(store / "own")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_flight_is_a_table(store: Path) -> None:
    ended = habsim(store, "predict", "--time", "2026-01-01T06:00Z")
    assert (ended.returncode, ended.stderr) == (0, "")
    launch, burst, landing = (line.split() for line in ended.stdout.splitlines()[1:4])
    assert launch == ["launch", "2026-01-01", "06:00:00Z", "0.00000", "20.00000", "0", "m"]
    assert burst[-2:] == ["15000", "m"]
    assert landing[:3] == ["landing", "2026-01-01", "07:52:30Z"]
    assert float(landing[4]) == pytest.approx(LANDING, abs=2e-5)


def test_an_ensemble_is_a_file_of_each_kind(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "flight.kml"
    ended = habsim(store, "ensemble", "--time", str(LAUNCH), "--format", "kml", "--out", str(out))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert ElementTree.parse(out).getroot().tag == "{http://www.opengis.net/kml/2.2}kml"
    ended = habsim(store, "ensemble", "--time", str(LAUNCH), "--format", "geojson")
    assert json.loads(ended.stdout)["type"] == "FeatureCollection"


def test_an_ensemble_is_a_table(store: Path) -> None:
    ended = habsim(store, "ensemble", "--time", str(LAUNCH))
    rows = dict(line.split("  ", 1) for line in ended.stdout.splitlines()[:-1])
    lat, lon = map(float, rows["mean landing"].split(","))
    assert (lat, lon) == pytest.approx((0.0, LANDING), abs=1e-3)
    assert ended.stdout.splitlines()[-1].startswith("Spread of 3 forecasts")


def test_a_window_is_a_row_for_each_launch(store: Path) -> None:
    ended = habsim(
        store, "window", "--time", str(LAUNCH), "--interval", "30", "--count", "3", "--format", "csv"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = list(csv.DictReader(ended.stdout.splitlines()))
    assert [row["launch_utc"][11:] for row in rows] == ["06:00:00Z", "06:30:00Z", "07:00:00Z"]
    for row in rows:
        assert float(row["mean_longitude"]) == pytest.approx(LANDING, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--time", str(LAUNCH), "--coeff", "3"], 2, "coeff must be a number from 0.5 to 1.5 times"),
        (["--time", str(LAUNCH), "--model", "9"], 2, "model must be a whole number from 0 to 2"),
        (["--time", "2027-01-01"], 2, "the whole flight must lie within the forecast"),
        (["--time", str(LAUNCH), "--store", "nowhere"], 1, "has no cycle yet"),
        (["--time", str(LAUNCH), "--members", "4"], 1, "has 3 of 4 members"),
        (["--time", str(LAUNCH), "--store", "s3://bucket"], 2, "only folders are read without a server"),
        (["--time", str(LAUNCH), "--out", "no/such/folder"], 1, "No such file or directory"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_code(
    store: Path, words: list[str], code: int, sentence: str
) -> None:
    ended = habsim(store, "predict", *words)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith("habsim: ")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_wrong_word_is_refused(store: Path) -> None:
    ended = habsim(store, "predict", "--time", "soon")
    assert ended.returncode == 2
    assert "not a time: 'soon'; try 2026-11-27T18:00Z or +2h" in ended.stderr


def test_times_are_told_in_four_ways() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
    assert instant("2026-01-01T12:00Z") == instant("2026-01-01T14:00+02:00") == instant(str(noon)) == noon
    assert instant("2026-01-01T12:00") == noon
    assert instant("+90min") - instant("+1h") == pytest.approx(1800.0, abs=1.0)
