"""Sixteen clients at links that move an address, and sixteen people at once: one owner for each address, and no fault."""

import pytest

from tests.attacks.doors import CLIENTS, Answer, call, sign_up
from tests.attacks.test_code_races import told
from tests.attacks.town import Owner, Town, codes, statuses
from tests.people import PASSWORD

pytestmark = pytest.mark.timeout(1500)  # the full figures take their time


def _new(owner: Owner) -> str:
    return f"new-{owner.email}"


def _want(town: Town, owner: Owner, email: str) -> None:
    assert call(town.doors[0], "PUT", "/profile", {"email": email}, owner.access).status == 200


def _moved(town: Town, prefix: str, count: int) -> list[Owner]:
    """People who have changed their address and can undo it."""
    owners = town.people(prefix, count)
    town.each(owners, lambda owner: _want(town, owner, _new(owner)))
    town.settle()
    for answer in town.each(owners, lambda owner: town.post(town.link(_new(owner), "/confirm/"))):
        assert answer.status == 200
    town.settle()
    return owners


def _owner_of(town: Town, email: str) -> list[str]:
    return [row[0] for row in town.look("SELECT username FROM users WHERE owned_email_key = :email", email=email)]


def _press(town: Town, path: str) -> list[Answer]:
    answers = town.race(lambda _, door: call(door, "POST", path))
    assert codes(answers) == {"invalid_token": CLIENTS - 1}
    return answers


def test_one_link_moves_the_address_once(town: Town, rounds: int) -> None:
    owners, seen = town.people("move", rounds), []
    town.each(owners, lambda owner: _want(town, owner, _new(owner)))
    town.settle()
    for owner in owners:
        seen.append(statuses(_press(town, town.link(_new(owner), "/confirm/"))))
        assert (_owner_of(town, _new(owner)), _owner_of(town, owner.email)) == ([owner.name], [])
        assert town.count("held_addresses", "user_id = :id", id=owner.id) == 1
        assert town.facts(owner, "email_changed") == 1
    town.settle()
    assert {len(town.mails(owner.email, "/undo/")) for owner in owners} == {1}
    told(town, "one link of a change of address", seen)


def test_two_accounts_want_one_address(town: Town, rounds: int) -> None:
    owners, seen = town.people("duel", 2 * rounds), []
    pairs = list(zip(owners[::2], owners[1::2], strict=True))
    for one, other in pairs:
        _want(town, one, f"prize-{one.email}")
        _want(town, other, f"prize-{one.email}")
    town.settle()
    for pair in pairs:
        prize = f"prize-{pair[0].email}"
        paths = [mail.links[0].partition("/confirm/")[2] for mail in town.mails(prize, "/confirm/")]
        assert len(paths) == 2
        answers = town.race(lambda index, door, paths=paths: call(door, "POST", f"/confirm/{paths[index % 2]}"))  # type: ignore[misc]
        seen.append(statuses(answers))
        assert codes(answers) == {"invalid_token": CLIENTS - 1}
        winner = _owner_of(town, prize)
        losers = [owner for owner in pair if owner.name not in winner]
        assert (len(winner), [_owner_of(town, owner.email) for owner in losers]) == (1, [[losers[0].name]])
    told(town, "two accounts for one address", seen)


def test_a_sign_up_and_a_change_of_address_want_one_address(town: Town, rounds: int) -> None:
    owners, seen = town.people("versus", rounds), []
    town.each(owners, lambda owner: _want(town, owner, _new(owner)))
    town.each(owners, lambda owner: sign_up(town.doors[0], f"s-{owner.name}", _new(owner)))
    town.settle()
    winners = []
    for owner in owners:
        paths = [mail.links[0].partition("/confirm/")[2] for mail in town.mails(_new(owner), "/confirm/")]
        assert len(paths) == 2
        answers = town.race(lambda index, door, paths=paths: call(door, "POST", f"/confirm/{paths[index % 2]}"))  # type: ignore[misc]
        seen.append(statuses(answers))
        assert codes(answers) == {"invalid_token": CLIENTS - 1}
        (winner,) = _owner_of(town, _new(owner))
        winners.append(winner == owner.name)
    print(f"\n[{town.kind}] change of address won {sum(winners)} of {rounds} against a sign-up")
    told(town, "a sign-up's link and a change's for one address", seen)


def test_an_address_that_can_be_undone_is_nobody_elses(town: Town, rounds: int) -> None:
    """The old address is given back while sign-ups for it are confirmed: they find it taken, before and after."""
    owners = _moved(town, "held", rounds)
    for owner in owners:  # a stranger's link for the address that was left: written while nobody owned it
        assert sign_up(town.doors[0], f"s-{owner.name}", owner.email).status == 201
    town.settle()
    for owner in owners:
        undo = town.link(owner.email, "/undo/")
        stranger = town.mails(owner.email, f"s-{owner.name}")[-1].links[0].partition("/confirm/")[2]
        paths = [undo, f"/confirm/{stranger}"]
        answers = town.race(lambda index, door, paths=paths: call(door, "POST", paths[index % 2]))  # type: ignore[misc]
        assert (statuses(answers)[200], _owner_of(town, owner.email)) == (1, [owner.name])
    print(f"\n[{town.kind}] undo against a stranger's sign-up: the owner has the address again in {rounds}/{rounds} rounds")


def test_one_undo_link_gives_the_address_back_once(town: Town, rounds: int) -> None:
    owners, seen = _moved(town, "undo", rounds), []
    for owner in owners:
        seen.append(statuses(_press(town, town.link(owner.email, "/undo/"))))
        assert (_owner_of(town, owner.email), _owner_of(town, _new(owner))) == ([owner.name], [])
        assert (town.is_signed_in(owner.access), town.facts(owner, "email_change_undone")) == ([401, 401], 1)
        kept = town.look("SELECT password_hash FROM users WHERE id = :id", id=owner.id)
        assert kept == [(None,)]
        assert town.count("held_addresses", "user_id = :id", id=owner.id) == 0
    town.settle()
    assert {len(town.mails(owner.email, "/reset-password/")) for owner in owners} == {1}
    told(town, "one undo link", seen)


def test_one_press_of_not_me_is_enough(town: Town, rounds: int) -> None:
    owners, seen = town.people("notme", rounds), []
    town.each(owners, lambda owner: _want(town, owner, _new(owner)))
    town.settle()
    for owner in owners:
        seen.append(statuses(_press(town, town.link(owner.email, "/not-me/"))))
        assert (town.is_signed_in(owner.access), town.facts(owner, "not_me")) == ([401, 401], 1)
        assert town.post(town.link(_new(owner), "/confirm/")).code == "invalid_token"
        assert doors_closed(town, owner)
    told(town, "one not-me link", seen)


def doors_closed(town: Town, owner: Owner) -> bool:
    return town.post("/login", {"username": owner.name, "password": PASSWORD}).code == "invalid_credentials"
