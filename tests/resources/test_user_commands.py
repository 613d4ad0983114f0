"""`flask users …`, `flask outbox …`, `flask sessions …`: what they print, change, note and mail, and what they refuse."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
import time_machine

from database import unit_of_work
from services import clock, provider_visits
from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.test_commands import run

ADA = "ada@example.org"
MALLORYS = ("mallory@example.org", "mallory@second.example.org")
NO_SUCH = "Error: No account has this user name or address.\n"
ON_ONE = ("show", "activate", "deactivate", "end-sessions", "make-admin", "revoke-admin", "confirm", "unlock", "reset-mfa")


def facts(door: Door) -> list[tuple[str, str]]:
    """Kind and agent of everything that the operator did, in order."""
    found = sorted(door.rows("audit_facts"), key=lambda row: (row["time"], row["id"]))
    return [(row["kind"], row["user_id"]) for row in found if row["user_agent"] == "command line" and row["ip"] == ""]


def subjects(door: Door, address: str = ADA) -> list[str]:
    return [mail.subject for mail in door.mail_to(address)]


def written(door: Door) -> dict[str, Any]:
    """Everything that a refused command must leave alone."""
    return {table: door.rows(table) for table in door.counts()} | {"facts": facts(door)}


@pytest.fixture
def ada(door: Door) -> str:
    """Her id."""
    door.account(first_name="Ada")
    return str(door.user()["id"])


def test_accounts_are_listed_a_line_each(door: Door, ada: str) -> None:
    door.sign_up("pen", "pen@example.org")
    door.account("bea", "bea@example.org")
    door.account("cleo", "cleo@example.org")
    run(door, "users", "deactivate", "bea")
    run(door, "users", "delete", "--yes", "cleo")
    code, said = run(door, "users", "list")
    lines = {line.split("\t")[1]: line.split("\t") for line in said.splitlines()}
    assert code == 0
    assert {name: line[3] for name, line in lines.items()} == {
        "ada": "active",
        "pen": "pending",
        "bea": "inactive",
        "cleo": "deleted",
    }
    assert lines["ada"][:3] == [ada, "ada", ADA]
    assert lines["ada"][4].endswith("+00:00")
    assert {line.split("\t")[1] for line in run(door, "users", "list", "--inactive")[1].splitlines()} == {"bea", "cleo"}


def test_an_account_is_shown_by_user_name_or_address_without_secrets(door: Door, ada: str) -> None:
    door.tokens()
    before = written(door)
    code, said = run(door, "users", "show", "ADA@example.org")
    shown = dict(line.split("\t") for line in said.splitlines())
    assert (code, shown["id"], shown["email"], shown["state"], shown["roles"]) == (0, ada, ADA, "active", "user")
    assert (shown["live_sessions"], shown["has_password"], shown["pending_email"], shown["mfa_enabled_at"]) == (
        "1",
        "True",
        "",
        "",
    )
    assert "$2b$" not in said
    assert run(door, "users", "show", "ada") == (0, said)
    assert written(door) == before


@pytest.mark.parametrize("command", ON_ONE)
def test_an_unknown_name_is_said_and_changes_nothing(door: Door, ada: str, command: str) -> None:
    before = written(door)
    for name in ("nobody", "nobody@example.org", "", ada):
        assert run(door, "users", command, name) == (1, NO_SUCH)
    assert run(door, "users", "delete", "--yes", "nobody") == (1, NO_SUCH)
    assert run(door, "users", "set-email", "nobody", "new@example.org") == (1, NO_SUCH)
    assert run(door, "users", command)[0] == 2
    assert written(door) == before


def test_an_account_is_made_without_a_password_and_its_owner_sets_one(door: Door) -> None:
    code, said = run(door, "users", "create", "bea", "bea@example.org", "--admin")
    user = door.user("bea")
    assert (code, said, user["is_admin"], user["password_hash"]) == (0, f"{user['id']}\n", True, None)
    assert facts(door) == [("signed_up", user["id"])]
    link = next(link for link in door.mail_to("bea@example.org")[0].links if "/reset-password/" in link)
    path = link.removeprefix(door.app.extensions["settings"].address)
    assert door.login("bea").status_code == 401
    assert door.post(path, {"password": PASSWORD}).status_code == 200
    access, _ = door.tokens("bea")
    assert door.get("/profile", access).get_json()["roles"] == ["user", "admin"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("ADA", "new@example.org"), "The user name is taken. Choose another user name."),
        (("bea", "ADA@example.org"), "The address has an account."),
        (("a b", "new@example.org"), "Use 3 to 32 of the letters"),
        (("bea", "nonsense"), "Give an e-mail address such as"),
    ],
)
def test_no_account_is_made_of_what_is_taken_or_malformed(door: Door, ada: str, words: tuple[str, str], fault: str) -> None:
    before = written(door)
    code, said = run(door, "users", "create", *words)
    assert (code, said.startswith(f"Error: {fault}"), said.count("\n")) == (1, True, 1)
    assert written(door) == before


def test_deactivation_ends_sessions_at_once_and_keeps_everybody_out(door: Door, ada: str) -> None:
    access, refresh = door.tokens()
    door.post("/forgot-password", {"email": ADA})
    reset = door.mail_to(ADA)[-1].links[0].removeprefix(door.app.extensions["settings"].address)
    assert run(door, "users", "deactivate", "ada") == (0, "ada is inactive, and its sessions have ended.\n")
    for method, path, token in (("GET", "/profile", access), ("POST", "/refresh", refresh)):
        answer = door.ask(method, path, token=token)
        assert (answer.status_code, answer.get_json()["reason"]) == (401, "account_inactive")
    assert door.login().get_json()["code"] == "account_inactive"
    assert door.login(password="wrong-horse-battery").get_json()["code"] == "invalid_credentials"
    assert door.post(reset, {"password": "another-horse-battery"}).status_code == 400
    assert subjects(door)[-1] == "Latchkey: your account was deactivated"
    assert run(door, "users", "activate", ADA) == (0, "ada is active.\n")
    assert door.login().status_code == 200
    assert door.get("/profile", access).status_code == 401, "what has ended stays so"
    assert facts(door) == [("account_deactivated", ada), ("account_activated", ada)]


def test_a_deleted_account_can_be_taken_back_by_its_owner(door: Door, ada: str) -> None:
    access, _ = door.tokens()
    before = written(door)
    code, said = run(door, "users", "delete", "ada")
    assert (code, "Aborted" in said) == (1, True), "nobody said yes"
    assert written(door) == before
    assert run(door, "users", "delete", "--yes", "ada") == (0, "ada is deleted.\n")
    assert door.get("/profile", access).get_json()["reason"] == "account_deleted"
    assert door.login().get_json()["code"] == "account_inactive"
    mail = door.mail_to(ADA)[-1]
    link = next(link for link in mail.links if "/undo/" in link).removeprefix(door.app.extensions["settings"].address)
    assert door.post(link).status_code == 200
    assert door.login().get_json()["code"] == "invalid_credentials", "it is open, and wants a new password"
    assert facts(door) == [("account_deleted", ada)]


def test_sessions_of_one_and_of_everybody_end(door: Door, ada: str) -> None:
    door.account("bea", "bea@example.org")
    tokens = [door.tokens()[0], door.tokens()[0], door.tokens("bea")[0]]
    assert run(door, "users", "end-sessions", "ada") == (0, "2 sessions have ended.\n")
    answers = [door.get("/profile", token) for token in tokens]
    assert [answer.status_code for answer in answers] == [401, 401, 200]
    assert answers[0].get_json()["reason"] == "revoked_by_admin"
    door.post("/forgot-password", {"email": ADA})
    reset = door.mail_to(ADA)[-1].links[0].removeprefix(door.app.extensions["settings"].address)
    with door.app.app_context(), unit_of_work():
        provider_visits.depart("google", "the browser's secret", {})
    assert run(door, "sessions", "end-all")[0] == 1
    assert door.get("/profile", tokens[2]).status_code == 200, "nobody said yes"
    assert run(door, "sessions", "end-all", "--yes") == (0, "1 sessions have ended; 1 links and codes are void.\n")
    assert door.get("/profile", tokens[2]).get_json()["reason"] == "revoked_by_admin"
    assert door.post(reset, {"password": "another-horse-battery"}).status_code == 400
    assert all(row["spent_at"] for row in door.rows("provider_visits"))
    assert facts(door) == [("signed_out_by_operator", ada), ("everybody_signed_out", None)]
    assert door.login().status_code == 200


def test_an_admin_is_one_from_the_next_refresh_on_and_is_told(door: Door, ada: str) -> None:
    _, refresh = door.tokens()
    assert run(door, "users", "make-admin", "ada") == (0, "ada <ada@example.org> is an admin.\n")
    access = door.post("/refresh", token=refresh).get_json()["access_token"]
    assert door.get("/profile", access).get_json()["roles"] == ["user", "admin"]
    assert subjects(door)[-1] == "Latchkey: your account has the role admin"
    assert facts(door) == [("made_admin", ada)]


def test_nobody_who_only_signed_up_becomes_an_admin(door: Door, ada: str) -> None:
    door.sign_up("pen", ADA)
    before = written(door)
    said = "Error: pen <ada@example.org> is not confirmed, and anybody may have signed up with that name.\n"
    assert run(door, "users", "make-admin", "pen") == (1, said)
    assert written(door) == before


def test_a_revoked_admin_is_signed_out_and_told(door: Door, ada: str) -> None:
    assert run(door, "users", "revoke-admin", ADA) == (1, "Error: ada <ada@example.org> is not an admin.\n")
    assert facts(door) == []
    run(door, "users", "make-admin", "ada")
    access, refresh = door.tokens()
    said = "ada <ada@example.org> is no longer an admin, and its sessions have ended.\n"
    assert run(door, "users", "revoke-admin", "ADA") == (0, said)
    for method, path, token in (("GET", "/profile", access), ("POST", "/refresh", refresh)):
        answer = door.ask(method, path, token=token)
        assert (answer.status_code, answer.get_json()["reason"]) == (401, "revoked_by_admin")
    assert door.get("/profile", door.tokens()[0]).get_json()["roles"] == ["user"]
    assert subjects(door)[-1] == "Latchkey: your account no longer has the role admin"
    assert facts(door) == [("made_admin", ada), ("admin_revoked", ada)]


def test_an_older_account_whose_name_is_no_longer_allowed_signs_in_and_is_named_behind_two_hyphens(door: Door) -> None:
    door.account()
    for name in ("-ada", "..."):
        door.change("users", username=name, username_key=name)
        access, _ = door.tokens(name)
        assert door.get("/profile", access).get_json()["username"] == name
        assert door.put("/profile", {"first_name": "Ada"}, access).status_code == 200
        assert run(door, "users", "show", "--", name)[0] == 0


def test_the_operator_vouches_for_an_address_once_and_never_for_a_taken_one(door: Door, ada: str) -> None:
    door.sign_up("pen", "pen@example.org")
    door.sign_up("rival", ADA)
    assert run(door, "users", "confirm", "pen") == (0, "pen is confirmed.\n")
    assert door.login("pen").status_code == door.login("pen@example.org").status_code == 200
    assert facts(door) == [("email_confirmed", door.user("pen")["id"])]
    before = written(door)
    for name in ("pen", "rival", "ada"):
        code, said = run(door, "users", "confirm", name)
        assert (code, said) == (1, "Error: It is confirmed already, inactive or deleted, or its address has another account.\n")
    assert written(door) == before


def test_a_lost_second_factor_is_turned_off_with_the_sessions(door: Door, ada: str) -> None:
    assert run(door, "users", "reset-mfa", "ada") == (1, "Error: No second factor is on.\n")
    access, _ = door.tokens()
    app = pyotp.TOTP(door.post("/mfa", token=access).get_json()["mfa_secret"])
    codes = door.post("/mfa", {"mfa_code": app.now()}, access).get_json()["recovery_codes"]
    waiting = door.login().get_json()["mfa_token"]
    assert run(door, "users", "reset-mfa", "ada") == (0, "ada signs in without a second factor.\n")
    assert door.get("/profile", access).get_json()["reason"] == "mfa_changed"
    assert door.login().status_code == 200
    assert door.post("/login", {"mfa_token": waiting, "mfa_code": codes[0]}).status_code == 401
    assert "Latchkey: the second factor was turned off" in subjects(door)
    assert facts(door) == [("mfa_disabled", ada)]


def test_an_address_is_set_and_the_old_one_can_undo_it(door: Door, ada: str) -> None:
    assert run(door, "users", "set-email", "ada", "New@example.org") == (0, "ada has the address New@example.org.\n")
    assert (door.login("new@example.org").status_code, door.login(ADA).status_code) == (200, 401)
    told = door.mail_to(ADA)[-1]
    assert " UTC, by the operator." in told.text
    link = next(link for link in told.links if "/undo/" in link)
    assert facts(door) == [("email_changed", ada)]
    assert door.post(link.removeprefix(door.app.extensions["settings"].address)).status_code == 200
    assert door.user()["email"] == ADA


@pytest.mark.parametrize("given", [ADA, "ada@other.example.org"])
@pytest.mark.parametrize("hops", [1, 2])
def test_whoever_moved_an_account_away_cannot_undo_that_the_operator_moves_it_on(
    door: Door, ada: str, given: str, hops: int
) -> None:
    """Neither by a link nor by a session; what the owner was sent before still works."""
    access = door.tokens()[0]
    for email, username in list(zip(MALLORYS, ("mine", "still-mine"), strict=True))[:hops]:
        door.put("/profile", {"email": email}, access)
        assert door.post(door.confirm_link(email)).status_code == 200
        door.put("/profile", {"username": username}, access)
        door.deliver()
    assert run(door, "users", "set-email", username, given)[0] == 0
    door.deliver()
    theirs = [link for email in MALLORYS for mail in door.mail_to(email) for link in mail.links if "/confirm/" not in link]
    assert len(theirs) == 3 * hops - 2, "of each new user name, and of the move from the first to the second, twice"
    for link in theirs:
        assert door.post(link.removeprefix(door.app.extensions["settings"].address)).status_code == 400
    assert door.get("/profile", access).get_json()["reason"] == "revoked_by_admin"
    assert door.user(username)["email"] == given
    undo = next(link for mail in door.mail_to(ADA) for link in mail.links if "/undo/" in link)
    if given != ADA:
        assert door.post(undo.removeprefix(door.app.extensions["settings"].address)).status_code == 200
        assert door.user(username)["email"] == ADA


def test_an_address_that_is_taken_held_present_or_malformed_is_not_set(door: Door, ada: str) -> None:
    door.account("bea", "bea@example.org")
    door.sign_up("pen", "pen@example.org")
    run(door, "users", "set-email", "bea", "moved@example.org")
    door.deliver()
    before = written(door)
    for name, email in (
        ("ada", "moved@example.org"),
        ("ada", "BEA@example.org"),  # held until bea can undo no more
        ("ada", ADA),
        ("ada", "nonsense"),
        ("pen", "free@example.org"),
    ):
        code, said = run(door, "users", "set-email", name, email)
        assert (code, said.startswith("Error: "), said.count("\n")) == (1, True, 1), email
        assert written(door) == before, email


def test_an_account_under_deletion_is_still_the_operators(door: Door, ada: str) -> None:
    run(door, "users", "delete", "--yes", "ada")
    for command in ("show", "activate", "deactivate", "end-sessions", "unlock"):
        assert run(door, "users", command, "ada")[0] == 0, command
    assert run(door, "users", "delete", "--yes", "ada")[0] == 0
    assert door.login().get_json()["code"] == "account_inactive"


def test_letters_are_listed_without_what_they_say_and_tried_again(build: Callable[..., Door]) -> None:
    door = build(MAIL_PORT="9", MAIL_TIMEOUT="1")  # nobody listens there
    door.sign_up()
    code, said = run(door, "outbox", "list")
    letter, kind, state, tries, due = said.strip().split("\t")
    assert (code, kind, state, tries) == (0, "confirmation", "ordered", "0")
    door.deliver()
    assert run(door, "outbox", "list")[1].split("\t")[:4] == [letter, "confirmation", "written", "1"]
    assert run(door, "outbox", "retry") == (0, "1 letters are due now.\n")
    assert run(door, "outbox", "retry") == (0, "0 letters are due now.\n")
    with time_machine.travel(clock.now() + timedelta(days=8)):
        door.deliver()
    assert run(door, "outbox", "list") == (0, "")
    listed = run(door, "outbox", "list", "--all")[1]
    assert listed.split("\t")[:3] == [letter, "confirmation", "void"]
    assert all(secret not in said + listed for secret in (ADA, "ada@", "/confirm/"))
    assert due


@pytest.mark.parametrize("command", ["deactivate", "delete --yes", "reset-mfa", "end-sessions"])
def test_an_address_that_nobody_has_proved_is_told_nothing_of_the_operator(door: Door, command: str) -> None:
    """A stranger signed up with it: its reader has no such account, and a link of recovery would secure nothing of theirs."""
    door.account()
    door.sign_up("pen", ADA)
    before = subjects(door)
    run(door, "users", *command.split(), "pen")
    assert subjects(door) == before
    run(door, "users", "end-sessions", "ada")
    run(door, "users", "deactivate", "ada")
    assert len(subjects(door)) == len(before) + 1, "a confirmed address is told"


@pytest.mark.parametrize("command", ["deactivate", "delete --yes"])
def test_a_pending_sign_up_that_an_operator_closed_gets_no_mail_and_becomes_no_account(door: Door, command: str) -> None:
    """Else anybody could have its reader mailed a link that brings it back, or makes an account that nobody can enter."""
    door.sign_up("pen", ADA)
    door.post("/forgot-password", {"email": ADA})
    links = [urlsplit(mail.links[0]).path for mail in door.mail_to(ADA)]
    run(door, "users", *command.split(), "pen")
    before = subjects(door)
    for path in ("/forgot-password", "/resend-confirmation"):
        assert door.post(path, {"email": ADA}).status_code == 202
    assert subjects(door) == before
    for link, body in zip(links, ({"password": PASSWORD}, {"password": "nine-purple-lanterns"}), strict=True):
        assert door.post(link, body).get_json()["code"] == "invalid_token"
    assert [row["email_confirmed_at"] for row in door.rows("users")] == [None]
    door.account("ada", ADA)


@pytest.mark.usefixtures("ada")
def test_to_activate_says_what_the_account_is_then(door: Door) -> None:
    door.sign_up("pen", "pen@example.org")
    said = []
    for name in ("ada", "pen"):
        run(door, "users", "deactivate", name)
        said.append(run(door, "users", "activate", name))
    run(door, "users", "delete", "--yes", "ada")
    said.append(run(door, "users", "activate", "ada"))
    assert said == [(0, "ada is active.\n"), (0, "pen is pending.\n"), (0, "ada is deleted.\n")]
