"""Copy pinned third-party web files into `www/vendor`, or check that they are still what was copied.

    python scripts/vendor_web.py            # needs npm and a network
    python scripts/vendor_web.py --check    # needs neither

Each package gets a folder NAME-VERSION; `manifest.json` beside them holds its licence and the SHA-256 of
every file.
"""

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "www" / "vendor"
MANIFEST = "manifest.json"
PACKAGES = {  # (name, version) -> the files to copy, licence texts last
    ("maplibre-gl", "6.17.0"): (
        "dist/maplibre-gl.mjs",
        "dist/maplibre-gl-worker.mjs",
        "dist/maplibre-gl.css",
        "LICENSE.txt",
    ),
    ("swagger-ui-dist", "5.35.0"): (
        "swagger-ui-bundle.js",
        "swagger-ui.css",
        "LICENSE",
        "NOTICE",
        "swagger-ui-bundle.js.LICENSE.txt",  # of the libraries in the bundle, which refers to it by name
    ),
}
SOURCE_MAP = re.compile(rb"\s*(//[#@] sourceMappingURL=\S*|/\*[#@] sourceMappingURL=[^*]*\*/)\s*\Z")


def npm(*words: str) -> str:
    """Return what `npm WORDS...` prints."""
    return subprocess.run(["npm", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def fetch(name: str, version: str, folder: Path) -> Path:
    """Return where in `folder` the package has been unpacked; exits if npm publishes another SHA-512."""
    package = f"{name}@{version}"
    npm("pack", package, "--silent", "--pack-destination", str(folder))
    archive = folder / f"{name}-{version}.tgz"
    digest = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    published = npm("view", package, "dist.integrity")
    if digest != published:
        sys.exit(f"{package}: the archive is {digest}, but npm publishes {published}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "package"


def vendor(name: str, version: str, files: tuple[str, ...], folder: Path) -> dict[str, object]:
    """Return the manifest entry of a package after copying its `files`, without source maps, to `folder`."""
    target = folder / f"{name}-{version}"
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        package = fetch(name, version, Path(scratch))
        licence = json.loads((package / "package.json").read_text())["license"]
        for file in files:
            (target / file).parent.mkdir(exist_ok=True)
            (target / file).write_bytes(SOURCE_MAP.sub(b"\n", (package / file).read_bytes()))
    digests = {file: sha256(target / file) for file in files}
    return {"name": name, "version": version, "licence": licence, "sha256": digests}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def faults(folder: Path) -> list[str]:
    """Return one sentence for each file in `folder` that is missing, changed, or not in its manifest."""
    manifest = json.loads((folder / MANIFEST).read_text())
    expected = {
        f"{entry['name']}-{entry['version']}/{file}": digest
        for entry in manifest
        for file, digest in entry["sha256"].items()
    }
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    del found[MANIFEST]
    return [
        *(f"{file} is missing" for file in sorted(expected.keys() - found)),
        *(f"{file} is not in {MANIFEST}" for file in sorted(found.keys() - expected)),
        *(
            f"{file} has changed"
            for file in sorted(expected.keys() & found)
            if sha256(found[file]) != expected[file]
        ),
    ]


def main() -> None:
    """Renew the folder, or check it; exits with 1 after naming each fault."""
    parser = argparse.ArgumentParser(description="Renew or check www/vendor.")
    parser.add_argument("--check", action="store_true", help="compare the folder with its manifest, offline")
    parser.add_argument("--folder", type=Path, default=VENDOR, help="default: www/vendor")
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit("\n".join(faults(arguments.folder)) or None)
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "vendor"
        manifest = [vendor(name, version, files, tree) for (name, version), files in PACKAGES.items()]
        (tree / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        shutil.rmtree(arguments.folder, ignore_errors=True)
        shutil.copytree(tree, arguments.folder)


if __name__ == "__main__":
    main()
