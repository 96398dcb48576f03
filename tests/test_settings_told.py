"""Every setting is told: in the README's table, and in `.env.example` with its default."""

import ast
import re
from pathlib import Path

import pytest

from habsim.settings import Settings

ROOT = Path(__file__).parent.parent
READERS = ("habsim/settings.py", "app.py", "gunicorn_config.py", "scripts/auto_downloader.py")
NAME = re.compile(r"PORT|SECRET_KEY|(AWS|S3|HABSIM|FLASK|WEB|GOOGLE)_[A-Z0-9_]+")


def read() -> set[str]:
    """Return the variables that the server reads."""
    trees = [ast.parse((ROOT / name).read_text()) for name in READERS]
    words = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {word for word in words if isinstance(word, str) and NAME.fullmatch(word)}


def example() -> dict[str, str]:
    """Return what `.env.example` sets."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def table() -> set[str]:
    """Return the variables in the README's table of settings."""
    section = (ROOT / "README.md").read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([A-Z0-9_]+)`", cell)}


def test_settings_are_found() -> None:
    assert {"HABSIM_MEMBERS", "WEB_CONCURRENCY", "PORT", "HABSIM_LOG_FORMAT"} <= read()


def test_the_example_has_every_setting() -> None:
    assert set(example()) == read()


def test_the_readme_has_every_setting() -> None:
    assert table() == read()


def test_the_example_is_the_default() -> None:
    assert Settings.from_environment(example()) == Settings.from_environment({})


@pytest.mark.parametrize("name", ["compose.yaml", ".github/workflows/downloader.yml"])
def test_what_deployments_set_exists(name: str) -> None:
    set_there = set(re.findall(r"^ +([A-Z][A-Z0-9_]+): ", (ROOT / name).read_text(), re.MULTILINE))
    assert set_there
    assert set_there <= read()
