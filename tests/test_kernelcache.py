"""The compiled kernel is kept where it can be written, under a name that says what it depends on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numba
import pytest

from habsim import kernel, kernelcache

ROOT = Path(__file__).parent.parent
KEEP = "import sys; from pathlib import Path; from habsim import kernel, kernelcache; "
KEEP += "kernelcache.keep_in(Path(sys.argv[1])); "
FLY = KEEP + "kernel.warm_up(); print(sum(kernel.compile_fly().stats.cache_hits.values()))"
PLACE = KEEP + "from numba.core import config; print(config.CACHE_DIR)"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "habsim", folder / "habsim", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def sealed(checkout: Path) -> Iterator[Path]:
    """A copy of the package that its user cannot write to."""
    (checkout / "habsim").chmod(0o555)
    yield checkout
    (checkout / "habsim").chmod(0o755)


def run(checkout: Path, program: str, folder: Path, **environment: str) -> str:
    """Return what a new process of a user without privileges prints."""
    # Root may write anywhere, but for root without its capabilities.
    launcher = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    result = subprocess.run(
        [*launcher, sys.executable, "-B", "-c", program, str(folder)],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_a_sealed_checkout_compiles_once_and_keeps_the_kernel_in_the_folder(
    sealed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "kernels"
    assert run(sealed, FLY, folder) == "0"
    (place,) = folder.iterdir()
    assert place.name == kernelcache.name()
    assert run(sealed, FLY, folder) == "1"
    assert not (sealed / "habsim" / "__pycache__").exists()


def test_the_name_says_the_sources_and_the_compiler() -> None:
    assert kernelcache.name().startswith(f"{kernel.digest()}-numba{numba.__version__}-")


def test_another_source_has_another_place(sealed: Path, tmp_path: Path) -> None:
    before = run(sealed, PLACE, tmp_path / "kernels")
    source = sealed / "habsim" / "earth.py"
    source.write_text(source.read_text() + "\n# changed\n")
    assert Path(before).parent == tmp_path / "kernels"
    assert run(sealed, PLACE, tmp_path / "kernels") != before


def test_a_checkout_that_can_be_written_to_keeps_its_own(checkout: Path, tmp_path: Path) -> None:
    assert run(checkout, PLACE, tmp_path / "kernels") == ""
    assert not (tmp_path / "kernels").exists()


def test_a_place_that_is_told_is_taken(sealed: Path, tmp_path: Path) -> None:
    told = str(tmp_path / "told")
    assert run(sealed, PLACE, tmp_path / "kernels", NUMBA_CACHE_DIR=told) == told
