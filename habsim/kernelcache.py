"""Where the compiled kernel is kept from one process to the next.

Numba keeps it beside its source.  A checkout that cannot be written to, as in a container, has another place:

    <folder>/<sources>-numba<version>-<processor>-<features>/

The name says all that machine code depends on, so a folder is never out of date, only no longer used.
"""

import hashlib
import os
from pathlib import Path

import numba
from llvmlite import binding
from numba.core import config

from habsim import kernel

_VARIABLE = "NUMBA_CACHE_DIR"


def keep_in(folder: Path) -> None:
    """Have the kernel kept under `folder` if it cannot be beside its source.

    To be called before it is first compiled.  Does nothing where NUMBA_CACHE_DIR says another place.
    """
    if not os.environ.get(_VARIABLE) and not os.access(Path(kernel.__file__).parent, os.W_OK):
        place = folder / name()
        place.mkdir(parents=True, exist_ok=True)
        os.environ[_VARIABLE] = str(place)
        config.reload_config()  # type: ignore[no-untyped-call]


def name() -> str:
    """Return the name of this program's kernel, compiled by this compiler for this processor."""
    features = binding.get_host_cpu_features().flatten()
    digest = hashlib.sha256(features.encode()).hexdigest()[:8]
    return f"{kernel.digest()}-numba{numba.__version__}-{binding.get_host_cpu_name()}-{digest}"
