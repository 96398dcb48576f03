"""What README and docs name exists: files, links, figures, and the messages of the server."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "THIRD_PARTY.md", *sorted((ROOT / "docs").glob("*.md"))]
PATH = re.compile(r"(?:habsim|scripts|tests|docs|www)/[\w./-]*\w|(?:[\w-]+\.(?:py|yaml|json|lock))")
SERVER = [*ROOT.glob("*.py"), *(ROOT / "habsim").glob("*.py")]
OURS_TO_KEEP = {"UnavailableError", "BusyError", "TimeLimitError"}  # what `docs/operations.md` has to explain
MADE = {"openapi.json"}


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def constants(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what calls in a module say: the function's name, and its text with … for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            yield from ((name, text) for text in map(told, node.args) if text)
        elif isinstance(node, ast.Assign | ast.Return | ast.Tuple):
            value = getattr(node, "value", None)
            yield from (("", text) for text in [told(value)] if text)


def told(node: ast.AST | None) -> str:
    """Return the text of a literal, with … for each part that is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(told(part) or "…" for part in node.values)
    return ""


def messages() -> list[str]:
    """Return the messages in the table of symptoms."""
    section = (ROOT / "docs" / "operations.md").read_text().partition("\n## Symptoms\n")[2]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def pattern(message: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, message.split("…"))) + ".*", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        assert not target.startswith("http"), f"{target} is not ours to keep"
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    words = re.findall(r"`([^`\n]+)`", page.read_text())
    paths = {path for word in words for path in PATH.findall(word)} - MADE
    missing = [path for path in paths if not (ROOT / path).exists() and not list(ROOT.glob(f"*/{path}"))]
    assert missing == []


def test_figures_in_alerts_are_told_by_the_server() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    told_there = {
        re.sub(r"_(bucket|total|info)$", "", name) for name in re.findall(r"\bhabsim_[a-z_]+", text)
    }
    source = (ROOT / "habsim" / "metrics.py").read_text()
    known = {re.sub(r"_total$", "", name) for name in re.findall(r'"(habsim_[a-z_]+)"', source)}
    assert told_there == known


@pytest.mark.parametrize("message", messages())
def test_a_symptom_is_one_that_the_server_has(message: str) -> None:
    assert any(pattern(message).fullmatch(text) for path in SERVER for _, text in constants(path))


def test_what_makes_an_answer_unavailable_is_explained() -> None:
    explained = [pattern(message) for message in messages()]
    given = {text for path in SERVER for name, text in constants(path) if name in OURS_TO_KEEP}
    assert given
    assert [text for text in given if not any(each.fullmatch(text) for each in explained)] == []
