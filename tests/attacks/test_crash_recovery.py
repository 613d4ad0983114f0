"""SIGKILL while people reset passwords, turn factors on and off and move their addresses: each deed is whole or undone."""

import http.client
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.attacks import doors
from tests.attacks.doors import call
from tests.attacks.town import Owner, Town
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

pytestmark = pytest.mark.timeout(1500)  # the full figures take their time
NEWER = "purple-elephant-staircase"
EACH = 8
AT_ONCE = 6
Deed = Callable[[], int]
LOST = 0
EQUAL = {
    "a reset spends its link": ("FACTS password_reset", "TICKETS reset"),
    "a reset is told": ("FACTS password_reset", "LETTERS password_changed"),
    "a factor on is told": ("FACTS mfa_enabled", "LETTERS mfa_enabled"),
    "a factor off is told": ("FACTS mfa_disabled", "LETTERS mfa_disabled"),
    "a move spends its link": ("FACTS email_changed", "TICKETS change_email"),
    "a move can be undone": ("FACTS email_changed", "LETTERS email_changed"),
    "an undoing spends its link": ("FACTS email_change_undone", "TICKETS undo_email"),
    "an undoing is told": ("FACTS email_change_undone", "LETTERS email_change_undone"),
}
COUNTED = {
    "FACTS": "SELECT count(*) FROM audit_facts WHERE kind = :kind",
    "TICKETS": "SELECT count(*) FROM tickets WHERE purpose = :kind AND spent_at IS NOT NULL",
    "LETTERS": "SELECT count(*) FROM letters WHERE kind = :kind",
}
NONE_OF = {
    "a factor without its secret or its codes": (
        "SELECT username FROM users WHERE mfa_enabled_at IS NOT NULL AND (totp_secret IS NULL OR totp_last_step IS NULL"
        " OR (SELECT count(*) FROM recovery_codes WHERE recovery_codes.user_id = users.id) <> 10)"
    ),
    "a secret or codes without a factor": (
        "SELECT username FROM users WHERE mfa_enabled_at IS NULL AND (totp_secret IS NOT NULL"
        " OR (SELECT count(*) FROM recovery_codes WHERE recovery_codes.user_id = users.id) <> 0)"
    ),
    "a session that outlived a reset": (
        "SELECT sessions.id FROM sessions JOIN audit_facts ON audit_facts.user_id = sessions.user_id"
        " WHERE audit_facts.kind IN ('password_reset', 'email_change_undone')"
        " AND sessions.created_at < audit_facts.time AND sessions.ended_at IS NULL"
    ),
    "an address that is owned twice, or owned and held by another": (
        "SELECT users.id FROM users JOIN held_addresses ON held_addresses.email_key = users.owned_email_key"
        " WHERE held_addresses.user_id <> users.id"
    ),
}


@pytest.fixture
def cohorts(request: pytest.FixtureRequest) -> int:
    return 6 if request.config.getoption("--long") else 1


def test_recovery_is_whole_or_not_at_all(
    uri: str, smtp: dict[str, str], mail_server: MailServer, kind: str, cohorts: int
) -> None:
    mail_server.clear()
    with doors.service(uri, smtp, MAIL_TIMEOUT="1") as door:
        town = Town([door], uri, kind, mail_server)
        for number in range(cohorts):
            owners = town.people(f"c{number}-", 3 * EACH)
            forgetful, careful, moving = owners[:EACH], owners[EACH : 2 * EACH], owners[2 * EACH :]
            _survive(town, _first_deeds(town, forgetful, careful, moving), 5 + 2 * number)
            _all_came_true(town, forgetful, careful, moving)
            town.forget_guesses()
            town.forget_steps()
            _survive(town, _second_deeds(town, careful, moving), 4 + number)


def _first_deeds(town: Town, forgetful: list[Owner], careful: list[Owner], moving: list[Owner]) -> dict[str, Deed]:
    town.each(forgetful, lambda owner: town.post("/forgot-password", {"email": owner.email}))
    town.each(moving, lambda owner: call(town.doors[0], "PUT", "/profile", {"email": f"new-{owner.email}"}, owner.access))
    town.settle()
    for owner in careful:
        owner.secret = town.post("/mfa", None, owner).json["mfa_secret"]
    deeds: dict[str, Deed] = {}
    for one, two, three in zip(forgetful, careful, moving, strict=True):
        reset, move = town.link(one.email, "/reset-password/"), town.link(f"new-{three.email}", "/confirm/")
        deeds[one.name] = lambda path=reset: town.post(path, {"password": NEWER}).status  # type: ignore[misc]
        deeds[two.name] = lambda two=two: town.post("/mfa", {"mfa_code": two.totp()}, two).status  # type: ignore[misc]
        deeds[three.name] = lambda path=move: town.post(path).status  # type: ignore[misc]
    return deeds


def _second_deeds(town: Town, careful: list[Owner], moving: list[Owner]) -> dict[str, Deed]:
    town.settle()
    deeds: dict[str, Deed] = {}
    for two, three in zip(careful, moving, strict=True):
        undo = town.link(three.email, "/undo/")
        deeds[two.name] = lambda two=two: (
            call(  # type: ignore[misc]
                town.doors[0], "DELETE", "/mfa", {"mfa_code": two.totp()}, two.access
            ).status
        )
        deeds[three.name] = lambda path=undo: town.post(path).status  # type: ignore[misc]
    return deeds


def _survive(town: Town, deeds: dict[str, Deed], moment: int) -> None:
    """Kills the service while they run, starts it, looks, and does again what got no answer."""
    answers = _killed_while(town, deeds, moment)
    town.doors[0].start()
    _whole(town)
    lost = [name for name, status in answers.items() if status == LOST]
    again = [deeds[name]() for name in lost]
    assert set(answers.values()) <= {200, LOST}
    assert set(again) <= {200, 400, 401, 409}, "it was done, or it can be done now"
    _whole(town)
    done = len(deeds) - len(lost) + again.count(200)
    print(
        f"\n[{town.kind}] killed after {moment} of {len(deeds)}: lost {len(lost)}, done again {again.count(200)}, in all {done}"
    )


def _killed_while(town: Town, deeds: dict[str, Deed], moment: int) -> dict[str, int]:
    """The answer to each, LOST where none came."""
    done = threading.Semaphore(0)

    def do(deed: Deed) -> int:
        try:
            status = deed()
        except (OSError, http.client.HTTPException):
            return LOST
        done.release()
        return status

    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(do, deed) for name, deed in deeds.items()}
        for _ in range(moment):
            assert done.acquire(timeout=30)
        town.doors[0].kill()
        answers = {name: future.result() for name, future in running.items()}
    assert LOST in answers.values(), "the service was killed while they ran"
    return answers


def _whole(town: Town) -> None:
    """The invariants: what goes together is there together."""
    for rule, sides in EQUAL.items():
        counts = [town.look(COUNTED[what], kind=kind)[0][0] for what, kind in (side.split() for side in sides)]
        assert counts[0] == counts[1], f"{rule}: {dict(zip(sides, counts, strict=True))}"
    for broken, statement in NONE_OF.items():
        assert town.look(statement) == [], broken


def _all_came_true(town: Town, forgetful: list[Owner], careful: list[Owner], moving: list[Owner]) -> None:
    """Everybody can come in by what he changed, and by nothing else."""
    town.forget_guesses()
    town.forget_steps()
    for owner in forgetful:
        assert doors.login(town.doors[0], owner.name, NEWER).status == 200
        assert doors.login(town.doors[0], owner.name, PASSWORD).status == 401
    for owner in careful:
        body = {"username": owner.name, "password": PASSWORD}
        assert town.post("/login", body).code == "mfa_required"
        assert town.post("/login", body | {"mfa_code": owner.totp()}).status == 200
    for owner in moving:
        assert doors.login(town.doors[0], f"new-{owner.email}").status == 200
        assert doors.login(town.doors[0], owner.email).status == 401
