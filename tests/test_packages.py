"""The lock files hold what runs: every package, every pin, every file's digest; and its licence is told."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = {"requirements.txt": "requirements.lock", "requirements-grib.txt": "requirements-grib.lock"}


def requirements(name: str) -> list[Requirement]:
    """Return the requirements in a file, hashes and what is for PyPy alone left out."""
    lines = (ROOT / name).read_text().replace("\\\n", "").splitlines()
    lines = [re.sub(r" +(--hash|#).*", "", line) for line in lines if line[:1].isalnum()]
    asked = [Requirement(line) for line in lines]
    return [each for each in asked if '== "PyPy"' not in str(each.marker)]


def pins(name: str) -> dict[str, str]:
    """Return the versions that a file asks for on this Python, by package."""
    asked = [each for each in requirements(name) if each.marker is None or each.marker.evaluate()]
    return {canonicalize_name(each.name): str(each.specifier) for each in asked}


def needed(packages: set[str]) -> set[str]:
    """Return `packages` and all that they need here, as they themselves say."""
    found: set[str] = set()
    while missing := packages - found:
        found |= missing
        lines = [line for name in missing for line in metadata.requires(name) or []]
        needs = [Requirement(line) for line in lines]
        taken = [each for each in needs if each.marker is None or each.marker.evaluate({"extra": ""})]
        packages = packages | {canonicalize_name(each.name) for each in taken}
    return found


@pytest.mark.parametrize("asked", LOCKS)
def test_a_lock_has_every_pin(asked: str) -> None:
    every = {str(each).replace(" ", "") for each in requirements(LOCKS[asked])}
    for each in requirements(asked):
        marker = str(each.marker).replace("python_version", "python_full_version") if each.marker else ""
        assert f"{each.name}{each.specifier}{';' if marker else ''}{marker}".replace(" ", "") in every


@pytest.mark.parametrize("asked", LOCKS)
def test_a_lock_has_all_that_its_packages_need(asked: str) -> None:
    assert needed(set(pins(asked))) == {canonicalize_name(each.name) for each in requirements(LOCKS[asked])}


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_has_digests_and_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)
    for entry in re.split(r"\n(?=[a-z])", text)[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def test_the_locks_agree() -> None:
    one, other = ({each.name: each for each in requirements(lock)} for lock in LOCKS.values())
    twice = one.keys() & other.keys() - {"numpy"}  # numpy's versions have markers in the one that is for all
    assert {str(one[name]) for name in twice} == {str(other[name]) for name in twice}


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_package_that_runs_has_its_licence_told(lock: str) -> None:
    table = (ROOT / "THIRD_PARTY.md").read_text()
    told = {canonicalize_name(name) for name in re.findall(r"^\| ([\w.-]+) \|", table, re.MULTILINE)}
    assert {canonicalize_name(each.name) for each in requirements(lock)} <= told
