"""One person who holds a live secret of every kind that the service gives out, each learned as people learn them."""

import itertools
from dataclasses import dataclass, field, replace

import jwt
import pyotp

from database import unit_of_work
from services import clock, identities, tickets
from services.provider_links import ExternalLogin
from tests.attacks.town import CODE
from tests.people import PASSWORD
from tests.resources.conftest import Door

NUMBERS = itertools.count(1)
NEWER = "purple-elephant-staircase"


@dataclass
class Holder:
    """`secrets`: by kind. `spare`: recovery codes for what a call wants besides."""

    door: Door
    name: str
    id: str = ""
    email: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    spare: list[str] = field(default_factory=list)

    @property
    def access(self) -> str:
        return self.secrets["access token"]

    def app(self) -> str:
        """The authenticator app's present code."""
        return pyotp.TOTP(self.secrets["TOTP secret"]).now()

    def given(self, kind: str) -> str:
        """A secret as it is sent; the app's code changes with the clock."""
        return self.app() if kind == "TOTP code" else self.secrets[kind]

    def settle(self) -> None:
        """No guess has to wait, and the app's present code may be used once more."""
        with self.door.app.app_context():
            self.door.forget_guesses()
        self.door.change("users", totp_last_step=0)


def holder(door: Door) -> Holder:
    """Somebody with a second factor, a moved address, and everything that is mailed and answered, unused."""
    found = Holder(door, f"ada{next(NUMBERS)}")
    _signs_up_and_moves(found)
    _turns_a_factor_on(found)
    _asks_for_mail(found)
    _others(found)
    found.secrets["mfa_token"] = door.login(found.name).get_json()["mfa_token"]
    found.secrets["CSRF value"] = jwt.decode(found.access, options={"verify_signature": False})["csrf"]
    found.secrets["password"] = PASSWORD
    return found


def _path(door: Door, address: str, part: str) -> str:
    """The secret of the newest mailed link with this in it."""
    links = [link for mail in door.mail_to(address) for link in mail.links if part in link]
    return links[-1].rpartition("/")[2]


def _signs_up_and_moves(found: Holder) -> None:
    door, first, found.email = found.door, f"first-{found.name}@example.org", f"{found.name}@example.org"
    door.account(found.name, first)
    access, _ = door.tokens(found.name)
    assert door.put("/profile", {"email": found.email}, access).status_code == 200
    assert door.post(f"/confirm/{_path(door, found.email, '/confirm/')}").status_code == 200
    found.secrets["undo link of an address"] = _path(door, first, "/undo/")


def _turns_a_factor_on(found: Holder) -> None:
    door = found.door
    found.secrets["access token"], found.secrets["refresh token"] = door.tokens(found.name)
    found.id = door.get("/profile", found.access).get_json()["id"]
    found.secrets["TOTP secret"] = door.post("/mfa", None, found.access).get_json()["mfa_secret"]
    found.secrets["recovery code"], *found.spare = door.post("/mfa", {"mfa_code": found.app()}, found.access).get_json()[
        "recovery_codes"
    ]
    found.settle()


def _asks_for_mail(found: Holder) -> None:
    door, wanted = found.door, f"wanted-{found.name}@example.org"
    assert door.put("/profile", {"email": wanted}, found.access).status_code == 200
    assert door.post("/forgot-password", {"email": found.email}).status_code == 202
    assert door.post("/send-otp", {"email": found.email}).status_code == 202
    found.secrets["change link"] = _path(door, wanted, "/confirm/")
    found.secrets["reset link"] = _path(door, found.email, "/reset-password/")
    found.secrets["not-me link"] = _path(door, found.email, "/not-me/")
    found.secrets["login code"] = _code(door, found.email)
    assert door.post("/send-otp", None, found.access).status_code == 202
    found.secrets["step-up code"] = _code(door, found.email)


def _code(door: Door, address: str) -> str:
    codes: list[str] = [code for mail in door.mail_to(address) for code in CODE.findall(mail.text)]
    return codes[-1]


def _others(found: Holder) -> None:
    """A pending sign-up, a deleted account, and what a provider's sign-in gives."""
    door = found.door
    answer = door.sign_up(f"p-{found.name}", f"p-{found.name}@example.org")
    found.secrets["signup_token"] = answer.get_json()["signup_token"]
    found.secrets["confirm link"] = _path(door, f"p-{found.name}@example.org", "/confirm/")
    door.account(f"d-{found.name}", f"d-{found.name}@example.org")
    access, _ = door.tokens(f"d-{found.name}")
    assert door.ask("DELETE", "/profile", {"password": PASSWORD}, access).status_code == 204
    found.secrets["undo link of a deletion"] = _path(door, f"d-{found.name}@example.org", "/undo/")
    url = door.post("/auth/google/link", None, found.access).get_json()["authorization_url"]
    found.secrets["link ticket"] = url.rpartition("ticket=")[2]
    with door.app.app_context():
        found.secrets["exchange code"], unproved = _issued(found.id)
        session_id = jwt.decode(found.access, options={"verify_signature": False})["sid"]
        _asks_to_step_up(found, session_id)
    asked = door.post("/auth/exchange", {"code": unproved})
    found.secrets["link token"] = asked.get_json()["link_token"]
    assert door.post("/auth/link/code", {"link_token": found.secrets["link token"]}).status_code == 202
    found.secrets["link code"] = _code(door, found.email)


def _asks_to_step_up(found: Holder, session_id: str) -> None:
    """As `/auth/<provider>/reauthenticate` and then the callback do, for an identity that is linked."""
    linked = ExternalLogin("example", "http://127.0.0.1:8", found.id, clock.now())
    about = {"login": linked.kept(), "session_id": session_id, "since": clock.now().isoformat()}
    with unit_of_work():
        identities.link(found.id, linked.provider, linked.issuer, linked.subject)
        found.secrets["step-up ticket"] = tickets.issue(tickets.REAUTHENTICATE, found.id, 60, about=session_id)
        found.secrets["step-up exchange code"] = tickets.issue(tickets.EXCHANGE_STEP_UP, found.id, 60, about=about)


def _issued(user_id: str) -> tuple[str, str]:
    """As the provider's callback does once it knows who came: with an identity that is linked, and with one that is not."""
    linked, other = (ExternalLogin("google", "http://127.0.0.1:9", f"{kind}{user_id}", clock.now()) for kind in ("", "new "))
    about = {"login": replace(linked, may_link=True).kept()}
    with unit_of_work():
        code = tickets.issue(tickets.EXCHANGE, user_id, 60, about=about)
        return code, tickets.issue(tickets.EXCHANGE_UNPROVED, user_id, 60, about={"login": other.kept()})
