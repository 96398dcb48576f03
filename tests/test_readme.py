"""Every example in README and docs runs: curl against a server in the demonstration, and the rest."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proofs import Server, start

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "operations.md"]


def blocks(page: Path, word: str = "curl") -> list[str]:
    """Return the indented blocks of a page that use `word`."""
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", page.read_text(), re.MULTILINE)
    return [block for block in found if word in block]


def demonstration(folder: Path) -> dict[str, str]:
    """Return an environment in which a small demonstration is flown, its files in `folder`."""
    settings = {"HABSIM_DATA_DIR": str(folder / "data"), "HABSIM_MEMBERS": "3", "PYTHONPATH": str(ROOT)}
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **settings}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    settings = {"HABSIM_DATA_DIR": str(folder / "data"), "HABSIM_MEMBERS": "3", "WEB_CONCURRENCY": "1"}
    server = start(folder / "log", (), {"PATH": os.environ["PATH"], "SECRET_KEY": "of the test", **settings})
    yield server
    server.kill()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_curl_line_is_answered(page: Path, server: Server, tmp_path: Path) -> None:
    commands = "".join(blocks(page)).replace("localhost:8000", f"127.0.0.1:{server.port}")
    script = 'set -eu\ncurl() { command curl --fail --silent --show-error "$@"; echo " answered" >&2; }\n'
    ended = subprocess.run(
        ["bash", "-c", script + commands],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HABSIM_PASSWORD": "of the test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count(" answered") == commands.count("curl ") > 0
    assert all(path.stat().st_size for path in tmp_path.iterdir())


def test_the_command_line_does_what_the_readme_shows(tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "README.md", "scripts/habsim ")
    commands = [line.strip() for line in block.splitlines()]
    assert len(commands) == 3
    for command in commands:
        command = command.replace("scripts/habsim", f"{sys.executable} {ROOT / 'scripts' / 'command.py'}")
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=demonstration(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout or (tmp_path / "flight.kml").read_text().startswith("<?xml")


def test_the_notebook_lines_print_a_landing(tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "README.md", "scripts.client")
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(block)],
        cwd=tmp_path,
        env=demonstration(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert re.fullmatch(r"\{'lat': [\d.]+, 'lon': -[\d.]+\}\n", ended.stdout)
