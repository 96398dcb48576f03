"""Every command with curl in README and docs is answered by a server that flies in the demonstration."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proofs import Server, start

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "operations.md"]


def blocks(page: Path) -> list[str]:
    """Return the indented blocks of a page that use curl."""
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", page.read_text(), re.MULTILINE)
    return [block for block in found if "curl" in block]


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
