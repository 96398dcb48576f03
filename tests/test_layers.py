"""Imports point down: app -> simulate -> windfile, elev, gefs -> habsim; siblings never meet.

Scripts use the two lower floors and one another; benchmarks and the soak may also use the tests.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = {"windfile", "elev", "gefs"}
MAY_IMPORT = {
    "gunicorn_config": {"app", "habsim"},
    "app": {"simulate", *FILES, "habsim"},
    "simulate": {*FILES, "habsim"},
    **{room: {"habsim"} for room in FILES},
    "habsim": {"habsim"},
    "scripts": {"scripts", *FILES, "habsim"},
    "scripts.bench": {"scripts", *FILES, "habsim", "tests"},
}
OURS = {room.partition(".")[0] for room in MAY_IMPORT} | {"tests"}


def modules() -> list[Path]:
    found = [*ROOT.glob("*.py"), *ROOT.glob("habsim/**/*.py"), *ROOT.glob("scripts/**/*.py")]
    return sorted(path.relative_to(ROOT) for path in found)


def room(module: Path) -> str:
    if module.name.startswith(("bench", "soak")):
        return "scripts.bench"
    return module.with_suffix("").parts[0]


def imported(module: Path) -> Iterator[str]:
    """Yield the top name of everything `module` imports, wherever in it."""
    for node in ast.walk(ast.parse((ROOT / module).read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield module.parts[0] if node.level else (node.module or "").partition(".")[0]


@pytest.mark.parametrize("module", modules(), ids=str)
def test_no_module_imports_upward_or_a_sibling(module: Path) -> None:
    ours = set(imported(module)) & OURS
    assert ours <= MAY_IMPORT[room(module)], f"{module} imports {sorted(ours - MAY_IMPORT[room(module)])}"


def test_every_room_is_known_and_there() -> None:
    rooms = {room(module) for module in modules()}
    assert rooms - {"scripts.bench"} == set(MAY_IMPORT) - {"scripts.bench"}
