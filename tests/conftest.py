"""The S3 service and the sites of the proofs, figures told at the end of a run, and no skips in CI."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite("tests.proofs")

from tests.page_visits import blind_chrome, chrome, demo, demo_folder, visit, visit_without_map  # noqa: E402, F401
from tests.proofs import Site, site_over  # noqa: E402
from tests.s3server import S3Server, serving  # noqa: E402

if TYPE_CHECKING:
    from tests.noaa import Noaa

FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """What takes a sentence for the summary of the run."""
    return request.config.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if FIGURES in config.stash:
        terminalreporter.section("figures")
        for sentence in config.stash[FIGURES]:
            terminalreporter.write_line(sentence)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of continuous integration that lacked a tool for some test."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """The S3 service of all proofs."""
    with serving() as running:
        yield running


@pytest.fixture
def site(s3: S3Server, tmp_path: Path) -> Iterator[Site]:
    """A site of the proof's own, without a cycle."""
    with site_over(s3, tmp_path) as site:
        yield site


@pytest.fixture(scope="session")
def published() -> dict[str, bytes]:
    """The files of a cycle as NOAA has them, by path."""
    from tests.noaa import Noaa
    from tests.test_auto_downloader import CYCLE, MEMBERS, SPACING, TIMES

    host = Noaa()
    host.publish(CYCLE, MEMBERS, TIMES, SPACING)
    return host.files


@pytest.fixture
def host(published: dict[str, bytes]) -> "Iterator[Noaa]":
    """A host that looks like NOAA's, with that cycle."""
    from tests.noaa import noaa

    with noaa() as running:
        running.files = dict(published)
        yield running
