"""Importing a module does nothing: no thread, process or socket, no file but code, nothing compiled.

Other people's modules are imported first: what they do is theirs.  (Pydantic looks into the metadata of what
is installed when the first model is defined: that, too, is read before.)
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {path.stem for path in ROOT.glob("*.py")} | {"habsim", "scripts", "tests"}
PROGRAMS = {"gunicorn_config"}  # run by Gunicorn, imported by nobody: makes a folder before the app is loaded

PROGRAM = """
import importlib, json, os, sys
foreign, ours = json.loads(sys.argv[1])
for name in foreign:
    importlib.import_module(name)
pydantic = sys.modules["pydantic"]
pydantic.create_model("First")
from numba.core import event

done = []

def note(name, arguments):
    if name == "open":
        path = str(arguments[0])
        if not path.endswith((".py", ".pyc", ".so", ".zip")) or arguments[1] not in ("r", "rb"):
            done.append((importing, name, path))
    elif name.split(".")[0] in ("socket", "subprocess", "sqlite3", "tempfile"):
        done.append((importing, name, repr(arguments)[:100]))
    elif name in ("os.fork", "os.posix_spawn", "os.system", "os.mkdir", "os.rename", "os.remove"):
        done.append((importing, name, repr(arguments)[:100]))

sys.addaudithook(note)
threads = set(os.listdir("/proc/self/task"))
with event.install_recorder("numba:compile") as compiled:
    for importing in ours:
        importlib.import_module(importing)
done += [("one of them", "numba:compile", str(each)) for each in compiled.buffer]
done += [("one of them", "thread", each) for each in set(os.listdir("/proc/self/task")) - threads]
print(json.dumps(done))
"""


def modules() -> list[str]:
    found = [*ROOT.glob("*.py"), *ROOT.glob("habsim/**/*.py"), *ROOT.glob("scripts/**/*.py")]
    parts = (path.relative_to(ROOT).with_suffix("").parts for path in found)
    return sorted({".".join(each).removesuffix(".__init__") for each in parts} - PROGRAMS)


def foreign() -> list[str]:
    """Return what our modules, and what benchmarks use of the tests, import of others, wherever in them."""
    names = set()
    used = ("exact", "proofs", "s3front", "s3server", "stores")  # by benchmarks and the soak
    for module in [*modules(), *(f"tests.{name}" for name in used)]:
        path = ROOT / module.replace(".", "/")
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(source.read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    return sorted(name for name in names if name.partition(".")[0] not in OURS)


def done(foreign: list[str], ours: list[str], folder: Path = ROOT) -> list[list[str]]:
    """Return what importing `ours` does: [module, event, what]."""
    arguments = [sys.executable, "-B", "-c", PROGRAM, json.dumps([foreign, ours])]
    result = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    events: list[list[str]] = json.loads(result.stdout)
    return events


def test_importing_any_module_does_nothing() -> None:
    assert "habsim.kernel" in modules()
    assert done(foreign(), modules()) == []


@pytest.mark.parametrize(
    ("act", "event"),
    [
        (
            "import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            "thread",
        ),
        ("import socket; socket.socket()", "socket.__new__"),
        ("open('data.txt')", "open"),
        ("open('code.py', 'a')", "open"),
        ("import numba; numba.njit('float64(float64)')(lambda x: x + 1.0)", "numba:compile"),
    ],
)
def test_what_a_module_does_is_seen(tmp_path: Path, act: str, event: str) -> None:
    (tmp_path / "data.txt").touch()
    (tmp_path / "busy.py").write_text(act)
    events = done(["numba", "pydantic", "socket", "threading"], ["busy"], tmp_path)
    assert any(name.startswith(event) for _, name, _ in events)
