"""Proofs of the host's troubles: a full disk, a folder that may only be read, kills at random."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from threading import Event

import pytest

from tests.proofs import (
    FIRST,
    LARGE,
    Answer,
    Server,
    Site,
    check_ensemble,
    check_flight,
    ensemble,
    eventually,
    question,
    winds,
)

pytestmark = pytest.mark.proof

KILLS = 20
CLIENTS = 4
SMALL_DISK, LARGE_DISK = "200k", "64m"  # less and more than what an ensemble takes
DISTRESS = ("does not fit", "has room for", "is full", "cannot be written")


@contextmanager
def confined(site: Site, size: str) -> Iterator[Server]:
    """Run a server whose data folder is a disk of its own, of that size."""
    site.data.mkdir()
    script = f'mount -t tmpfs -o size={size} tmpfs "$1" && shift && exec "$@"'
    with site.serving("unshare", "--mount", "sh", "-c", script, "sh", str(site.data)) as server:
        yield server


def remount(server: Server, site: Site, options: str) -> None:
    """Change the disk of a confined server."""
    enter = ["nsenter", "--target", str(server.process.pid), "--mount"]
    subprocess.run([*enter, "mount", "-o", f"remount,{options}", str(site.data)], check=True)


def test_a_full_disk_gives_an_error_that_says_so_until_there_is_room(
    site: Site, tell: Callable[[str], None]
) -> None:
    site.publish(FIRST, 10.0, LARGE)
    with confined(site, SMALL_DISK) as server:
        sentence = refused(server.ask("/sim/spaceshot", ensemble(1)))
        assert server.ask("/health").status == 200
        refused(server.ask("/ready"))
        inside = [f"/proc/{server.process.pid}/root{site.data}", "-name", "*.partial"]
        assert subprocess.run(["find", *inside], capture_output=True, check=True).stdout == b""
        remount(server, site, f"size={LARGE_DISK}")
        right(server.ask("/sim/spaceshot", ensemble(1)), 1)
        assert server.ask("/ready").status == 200
        tell(f"a full disk: 503, {sentence}")


def test_a_data_folder_that_may_only_be_read_gives_an_error_that_says_so_until_it_can_be_written(
    site: Site, tell: Callable[[str], None]
) -> None:
    site.publish(FIRST, 10.0)
    with confined(site, LARGE_DISK) as server:
        right(server.ask("/sim/spaceshot", ensemble(1)), 1)
        remount(server, site, "ro")
        sentence = refused(server.ask("/sim/spaceshot", ensemble(2)))
        assert server.ask("/health").status == 200
        answer = server.ask("/sim/singlezpb", {**question(3), "model": 0})
        assert answer.status in (200, 503), answer.body
        remount(server, site, "rw")
        right(server.ask("/sim/spaceshot", ensemble(2)), 2)
        tell(f"a data folder that may only be read: 503, {sentence}")


def test_what_is_killed_at_random_starts_again_clean(site: Site, tell: Callable[[str], None]) -> None:
    chance = random.Random(1)
    site.publish(FIRST, 10.0, LARGE)
    answered = 0
    for kill in range(KILLS):
        with site.serving() as server, ThreadPoolExecutor(CLIENTS) as clients:
            over = Event()
            asking = [clients.submit(ask, server, over, 1000 * kill + 100 * n) for n in range(CLIENTS)]
            time.sleep(chance.uniform(0.0, 1.5))
            server.kill()
            over.set()
            answered += sum(client.result() for client in asking)
        site.check_copies()
    with site.serving() as server:
        right(server.ask("/sim/spaceshot", ensemble(1)), 1)
        eventually(lambda: server.figure("habsim_active_ensembles") == 0, "no slot stays taken")
        assert server.ask("/ready").status == 200
    assert [path for path in site.partials() if path.parent.name == "gefs"] == []
    site.check_copies()
    tell(f"killed {KILLS} times at random: {answered} answers before and none wrong")


def ask(server: Server, over: Event, first: int) -> int:
    """Ask ensembles and flights until the server is killed; return how many were answered, all right."""
    for count in range(100):
        if over.is_set():
            return count
        number = first + count
        try:
            right(server.ask("/sim/spaceshot", ensemble(number)), number)
            phases = server.ask("/sim/singlezpb", {**question(number), "model": 1})
            assert phases.status == 200, phases.body
            check_flight(phases.json(), question(number), winds(10.0)[1])
        except (HTTPException, OSError):
            return count
    return 100


def right(answer: Answer, number: int) -> None:
    """An ensemble is answered, and right."""
    assert answer.status == 200, answer.body
    check_ensemble(answer.json(), ensemble(number), 10.0)


def refused(answer: Answer) -> str:
    """Return the sentence of a refusal, which says what is wrong."""
    assert answer.status == 503, answer.body
    sentence = str(answer.json()["error"])
    assert any(words in sentence for words in DISTRESS), sentence
    return sentence
