"""A server and a browser of one's own, for pictures, measurements and tests of the map page."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
_PATIENCE = 60.0  # s, for a server to be ready
_GUNICORN = ("-m", "gunicorn", "--config", "gunicorn_config.py")
_ARGUMENTS = ("--no-sandbox", "--enable-unsafe-swiftshader")  # a map without a GPU


@contextmanager
def site(data: Path, workers: int = 2, **environment: str) -> Iterator[str]:
    """Yield the address of a server with its own files in `data`, a demonstration unless told otherwise."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HABSIM_", "AWS_", "S3_"))
    }
    settings = {
        "HABSIM_DATA_DIR": str(data),
        "SECRET_KEY": "page",
        "WEB_CONCURRENCY": str(workers),
        **environment,
    }
    command = [sys.executable, *_GUNICORN, "--bind", f"127.0.0.1:{port}", "app:app"]
    data.mkdir(parents=True, exist_ok=True)
    with (data / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, env={**kept, **settings}, stderr=log, stdout=log)
        try:
            _wait(server, f"http://127.0.0.1:{port}", data / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Return when the server answers; raises `RuntimeError` with its log if it does not get there."""
    deadline = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


def chromium() -> str | None:
    """Return where the browser is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser(*arguments: str) -> Iterator[Browser]:
    """Yield a browser without a window, started with `arguments` more."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=[*_ARGUMENTS, *arguments])
        try:
            yield started
        finally:
            started.close()


def wait_until(page: Page, expression: str, patience: float = 15.0) -> None:
    """Return when `expression` holds in `page`; raises `TimeoutError`.

    Playwright's own wait for a function needs `eval`, which the page's policy refuses.
    """
    deadline = time.monotonic() + patience
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {patience:g} s: {expression}")
        page.wait_for_timeout(25)
