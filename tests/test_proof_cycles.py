"""Proof of cycles: whatever is published while requests run, each answer is wholly of one cycle."""

import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from habsim.cycle import PERIOD, Cycle
from tests.proofs import (
    FIRST,
    Server,
    Site,
    check_ensemble,
    check_some_flight,
    ensemble,
    question,
)

pytestmark = pytest.mark.proof

CYCLES = [Cycle.at(FIRST.time + number * PERIOD) for number in range(20)]
LATEST = CYCLES[-1]  # all forecasts hold the flights from it
WINDS = {str(cycle): (-1.0) ** number * (10.0 + number) for number, cycle in enumerate(CYCLES)}
BETWEEN = 3.0  # s
CLIENTS = 6


def test_no_answer_mixes_cycles_and_none_fails_while_they_switch(
    site: Site, tell: Callable[[str], None]
) -> None:
    site.publish(CYCLES[0], WINDS[str(CYCLES[0])])
    seen: Counter[str] = Counter()
    over = Event()
    with site.serving() as server, ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(ask, server, number, over, seen) for number in range(CLIENTS)]
        try:
            for cycle in CYCLES[1:]:
                assert not over.wait(BETWEEN)
                assert not any(client.done() for client in asking)
                site.publish(cycle, WINDS[str(cycle)])
            site.follow(LATEST)
        finally:
            over.set()
        answers = sum(client.result() for client in asking)
        check_ensemble(
            server.ask("/sim/spaceshot", ensemble(0, LATEST)).json(), ensemble(0, LATEST), WINDS[str(LATEST)]
        )
    tell(
        f"{len(CYCLES) - 1} switches of cycle under load: {answers} answers of {len(seen)} cycles, all right"
    )
    assert len(seen) > len(CYCLES) // 2


def ask(server: Server, client: int, over: Event, seen: Counter[str]) -> int:
    """Ask until it is over; return how many answers came, each of them checked."""
    for count in itertools.count():
        if over.is_set():
            return count
        number = 5000 * client + count
        parameters: dict[str, Any] = question(number, LATEST)
        if count % 2:
            parameters = ensemble(number, LATEST)
            answer = server.ask("/sim/spaceshot", parameters)
            assert answer.status == 200, answer.body
            result = answer.json()
            check_ensemble(result, parameters, WINDS[result["gefs"]])
            seen[result["gefs"]] += 1
        else:
            answer = server.ask("/sim/singlezpb", {**parameters, "model": count % 6})
            assert answer.status == 200, answer.body
            check_some_flight(answer.json(), parameters, count % 6, WINDS.values())
    raise AssertionError
