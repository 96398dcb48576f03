"""Proofs of the store's troubles: a clear error or the right answer, and none of them needs a restart."""

from collections.abc import Callable, Iterator

import pytest

from habsim.cycle import PERIOD, Cycle
from tests.proofs import (
    FIRST,
    MEMBERS,
    Server,
    Site,
    check_ensemble,
    ensemble,
    member_file,
    winds,
)
from tests.s3front import Fault

pytestmark = pytest.mark.proof

NEXT = Cycle.at(FIRST.time + PERIOD)
FEW, MOST = (2,), (1, 2, 3, 5)  # members


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    """A server that has answered from one cycle and accepted the next, whose members it has yet to copy."""
    site.publish(FIRST, 20.0)
    with site.serving() as server:
        check(server, 0, 20.0)
        site.publish(NEXT, 10.0)
        site.follow(NEXT)
        yield server


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.CUT, Fault.SPOILT])
def test_a_store_that_fails_for_a_while_is_asked_again(site: Site, server: Server, fault: Fault) -> None:
    times = MEMBERS if fault is Fault.SLOW else 2 * MEMBERS  # what is slow is not asked for again
    site.front.strike(fault, times)
    check(server, 1, 10.0)
    assert site.front.struck == times
    check_folder(site)


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.CUT, Fault.SPOILT])
def test_a_store_that_goes_on_failing_gives_an_error_until_it_recovers(
    site: Site, server: Server, fault: Fault, tell: Callable[[str], None]
) -> None:
    site.front.strike(fault)
    sentence = refusal(server, 1)
    check_folder(site)
    site.front.heal()
    check(server, 1, 10.0)
    check_folder(site)
    tell(f"every transfer {fault.name.lower()}: 503, {sentence}")


def test_a_store_that_is_away_gives_an_error_or_what_is_copied(
    site: Site, server: Server, tell: Callable[[str], None]
) -> None:
    site.front.leave()
    sentence = refusal(server, 1)
    site.front.come_back()
    check(server, 1, 10.0)
    site.front.leave()
    for number in range(2, 10):
        answer = server.ask("/sim/spaceshot", ensemble(number, NEXT))
        if answer.status == 200:
            check_ensemble(answer.json(), ensemble(number, NEXT), 10.0)
        else:
            assert answer.status == 503
    site.front.come_back()
    check(server, 10, 10.0)
    check_folder(site)
    tell(f"the store away: 503, {sentence}")


def test_a_member_damaged_in_the_store_is_left_out_until_it_is_mended(site: Site) -> None:
    site.publish(FIRST, 10.0)
    damage(site, FEW)
    with site.serving() as server:
        answer = server.ask("/sim/spaceshot", ensemble(1))
        assert answer.status == 200, answer.body
        check_ensemble(answer.json(), ensemble(1), 10.0, failed=FEW)
        mend(site, FEW)
        check(server, 2, 10.0, FIRST)
        check_folder(site)


def test_too_many_members_damaged_in_the_store_are_an_error_until_they_are_mended(
    site: Site, tell: Callable[[str], None]
) -> None:
    site.publish(FIRST, 10.0)
    damage(site, MOST)
    with site.serving() as server:
        tell(f"4 of 6 members damaged in the store: 503, {refusal(server, 1, FIRST)}")
        mend(site, MOST)
        check(server, 1, 10.0, FIRST)
        check_folder(site)


def check(server: Server, number: int, u: float, cycle: Cycle = NEXT) -> None:
    """An ensemble is answered, and right."""
    answer = server.ask("/sim/spaceshot", ensemble(number, cycle))
    assert answer.status == 200, answer.body
    check_ensemble(answer.json(), ensemble(number, cycle), u)


def refusal(server: Server, number: int, cycle: Cycle = NEXT) -> str:
    """Return the sentence with which an ensemble is refused."""
    answer = server.ask("/sim/spaceshot", ensemble(number, cycle))
    assert answer.status == 503, answer.body
    assert answer.headers["retry-after"] == "5"
    assert list(answer.json()) == ["error"]
    return str(answer.json()["error"])


def damage(site: Site, numbers: tuple[int, ...]) -> None:
    """Change a byte in the middle of some members."""
    for number in numbers:
        content = bytearray(member_file(FIRST, winds(10.0)[number]))
        content[len(content) // 2] ^= 0xFF
        site.bucket.put(FIRST.member_file(number), bytes(content))


def mend(site: Site, numbers: tuple[int, ...]) -> None:
    """Publish some members again, as they should be."""
    for number in numbers:
        site.bucket.put(FIRST.member_file(number), member_file(FIRST, winds(10.0)[number]))


def check_folder(site: Site) -> None:
    """Nothing half made is left, and what is there is right."""
    assert site.partials() == []
    site.check_copies()
