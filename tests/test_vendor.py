import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "www" / "vendor"


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "vendor_web.py"), "--check", "--folder", str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(VENDOR, tmp_path / "vendor"))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")


def test_the_vendored_files_are_those_of_the_manifest() -> None:
    found = check(VENDOR)
    assert (found.returncode, found.stderr) == (0, "")


def test_a_changed_byte_is_noticed(copied: Path) -> None:
    changed = files(copied)[0]
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    found = check(copied)
    assert (found.returncode, found.stderr) == (1, f"{changed.relative_to(copied).as_posix()} has changed\n")


def test_a_missing_and_an_added_file_are_noticed(copied: Path) -> None:
    missing = files(copied)[0]
    missing.unlink()
    (copied / "stray.js").touch()
    found = check(copied)
    missed = missing.relative_to(copied).as_posix()
    assert found.returncode == 1
    assert found.stderr == f"{missed} is missing\nstray.js is not in manifest.json\n"


def test_every_vendored_package_brings_its_licence_and_is_credited() -> None:
    credits = (ROOT / "THIRD_PARTY.md").read_text()
    packages = json.loads((VENDOR / "manifest.json").read_text())
    assert packages
    for package in packages:
        assert any(file.startswith("LICENSE") for file in package["sha256"])
        assert f"www/vendor/{package['name']}-{package['version']}" in credits
        assert package["licence"] in credits


def test_nothing_vendored_names_a_source_map() -> None:
    for path in files(VENDOR):
        assert b"sourceMappingURL=" not in path.read_bytes()


def test_the_documentation_page_loads_only_files_that_ship() -> None:
    page = (ROOT / "www" / "docs.html").read_text()
    loaded = [part.split('"')[0] for part in page.replace('href="', 'src="').split('src="')[1:]]
    local = [address for address in loaded if address.endswith((".js", ".css"))]
    assert len(local) == 3
    assert all((ROOT / "www" / address.removeprefix("/")).is_file() for address in local)
    assert not [address for address in loaded if "//" in address]
