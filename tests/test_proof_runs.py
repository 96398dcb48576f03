"""Proofs of runs: computed once, taken over when their owner dies, finished before the server ends."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPException

import pytest

from tests.proofs import (
    FIRST,
    MEMBERS,
    PATIENCE,
    Answer,
    Server,
    Site,
    Stream,
    check_ensemble,
    ensemble,
    eventually,
)

pytestmark = pytest.mark.proof


def test_forty_who_ask_the_same_at_once_get_one_computation(site: Site) -> None:
    site.publish(FIRST, 10.0)
    asked = ensemble(1)
    with site.serving() as server, ThreadPoolExecutor(40) as clients:
        waiting = hold_open(site, server, clients, 40)
        assert len(server.owners()) == 1
        assert not any(answer.done() for answer in waiting)
        site.front.release()
        answers = [answer.result() for answer in waiting]
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        check_ensemble(answers[0].json(), asked, 10.0)
        assert server.figure("habsim_ensembles_total", outcome="computed") == server.computed() == 1
        assert server.figure("habsim_cache_total", cache="results", outcome="hit") == 39
        assert transfers(site) == {FIRST.member_file(number): 1 for number in range(MEMBERS)}


def test_a_waiter_takes_over_when_the_owner_is_killed(site: Site, tell: Callable[[str], None]) -> None:
    site.publish(FIRST, 10.0)
    with site.serving(HABSIM_ENSEMBLES="1") as server, ThreadPoolExecutor(40) as clients:
        waiting = hold_open(site, server, clients, 40)
        (owner,) = server.owners()
        lost = server.connections(owner)
        owner.kill()
        # The members that the dead one was copying are asked for anew.
        eventually(lambda: set(transfers(site).values()) == {2}, "another owner")
        assert len(server.owners()) == 1
        site.front.release()
        answers = [
            answer.result()
            for answer in waiting
            if not isinstance(answer.exception(), HTTPException | OSError)
        ]
        tell(f"the owner of a run killed: {lost} of 40 were connected to it, {len(answers)} answered right")
        assert len(answers) == 40 - lost > 0
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        check_ensemble(answers[0].json(), ensemble(1), 10.0)
        assert server.figure("habsim_ensembles_total", outcome="computed") == server.computed() == 1
        assert server.figure("habsim_active_ensembles") == 0
        assert site.partials() == []
        site.check_copies()
        again = server.ask("/sim/spaceshot", ensemble(2))  # in the only slot
        check_ensemble(again.json(), ensemble(2), 10.0)
        eventually(lambda: len(server.workers()) == 4, "a new worker")


def test_sigterm_lets_a_run_finish_and_ends_all_else(site: Site) -> None:
    site.publish(FIRST, 10.0)
    with site.serving() as server, ThreadPoolExecutor(1) as clients:
        (waiting,) = hold_open(site, server, clients, 1)
        owners = server.owners()
        identity = next((site.data / "progress").glob("[0-9a-f]*.json")).stem
        streams = [Stream(server, identity) for _ in range(8)]
        eventually(lambda: all(stream.events for stream in streams), "all streams have begun")
        assert not any(stream.ended for stream in streams)
        server.terminate()
        eventually(lambda: all(stream.ended for stream in streams), "the streams end")
        eventually(lambda: server.workers() == owners, "the idle workers end")
        assert not waiting.done()
        site.front.release()
        assert waiting.result().status == 200
        check_ensemble(waiting.result().json(), ensemble(1), 10.0)
        assert server.process.wait(PATIENCE) == 0


def hold_open(site: Site, server: Server, clients: ThreadPoolExecutor, count: int) -> list[Future[Answer]]:
    """Return the answers to come to `count` who ask the same ensemble, whose run stands still."""
    site.front.hold()
    waiting = [clients.submit(server.ask, "/sim/spaceshot", ensemble(1)) for _ in range(count)]
    eventually(lambda: site.front.held == MEMBERS, "a run held open")
    eventually(lambda: server.connections() == count, "all have asked")
    return waiting


def transfers(site: Site) -> dict[str, int]:
    """Return how often each member was fetched."""
    return {name: count for name, count in site.front.asked.items() if name.endswith(".npz")}
