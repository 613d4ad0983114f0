"""Recovery codes: how they look, how they may be spelled, and what of them is kept."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from database import db, rows, unit_of_work
from model import RecoveryCode
from services import clock, keys, mint, recovery_codes
from services import codes as code_forms
from tests.conftest import SECRETS
from tests.resources.conftest import Door

NEWER = "bmV3ZXItcGVwcGVyLW9mLXRoaXJ0eS10d28tYnl0ZXM="
PEPPER = SECRETS["PASSWORD_PEPPER"]


@pytest.fixture
def ada(door: Door) -> Iterator[str]:
    door.account()
    with door.app.app_context():
        yield str(door.user()["id"])


def renewed(user_id: str) -> list[str]:
    with unit_of_work():
        return recovery_codes.renew(user_id)


def accepted(user_id: str, code: str) -> bool:
    with unit_of_work():
        return recovery_codes.accept(user_id, code_forms.normalized(code))


def test_a_set_is_ten_codes_of_120_bits_in_readable_groups(ada: str) -> None:
    sets = [renewed(ada) for _ in range(5)]
    codes = [code for one in sets for code in one]
    assert [len(one) for one in sets] == [10] * 5
    assert len(set(codes)) == 50
    assert len(mint.READABLE) == len(set(mint.READABLE)) == 2**5
    assert not set("ilou") & set(mint.READABLE)
    for code in codes:
        groups = code.split("-")
        assert [len(group) for group in groups] == [4] * 6
        assert set("".join(groups)) <= set(mint.READABLE)
    assert 5 * len(codes[0].replace("-", "")) == 120
    assert set("".join(codes)) == {*mint.READABLE, "-"}, "every letter is drawn"


@pytest.mark.parametrize(
    "spelled",
    [
        str.upper,
        str.title,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
        lambda code: f"  {code.replace('-', ' - ')} ",
        lambda code: code.replace("0", "O").replace("1", "l"),
        lambda code: code.replace("0", "o").replace("1", "I"),
        lambda code: code.replace("-", "\u2013"),
        lambda code: f"{code}\r\n",
        lambda code: code.replace("-", "\u00a0"),
        lambda code: "".join(chr(ord(letter) + 0xFEE0) for letter in code),
    ],
    ids=[
        *("upper", "title", "joined", "spaces", "loose", "as letters", "as other letters"),
        *("en dash", "line break", "no-break space", "full width"),
    ],
)
def test_it_may_be_spelled_as_people_write_it(ada: str, spelled: Callable[[str], str]) -> None:
    for code in renewed(ada)[:3]:
        assert accepted(ada, spelled(code))
        assert not accepted(ada, code)
    assert recovery_codes.left(ada) == 7


def test_what_is_no_code_of_theirs_is_refused_and_spends_none(ada: str) -> None:
    code = renewed(ada)[0]
    changed = code[:-1] + ("0" if code[-1] != "0" else "2")
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isdigit() else letter for letter in f"{code}7")
    for wrong in ("", "-", " ", changed, code[:-1], code + "0", code.replace("-", "_"), wide, "123456", "x" * 64):
        assert not accepted(ada, wrong)
    assert recovery_codes.left(ada) == 10
    assert accepted(ada, code)


def test_a_code_of_the_former_sixteen_letters_stays_good(ada: str) -> None:
    former = "4t8k-9qzm-x2v7-h0rd"
    digest = keys.digest("recovery code", f"{ada}:{former.replace('-', '')}")
    with unit_of_work():
        db.session.add(RecoveryCode(id=mint.identifier(), user_id=ada, digest=digest, created_at=clock.now()))
    assert not accepted(ada, former[:-1])
    assert accepted(ada, former.upper())
    assert not accepted(ada, former)


def test_a_code_is_good_for_its_owner_only(door: Door, ada: str) -> None:
    door.account("eve", "eve@example.org")
    eve = str(door.user("eve")["id"])
    code = renewed(ada)[0]
    renewed(eve)
    assert not accepted(eve, code)
    assert (recovery_codes.left(ada), recovery_codes.left(eve)) == (10, 10)


def test_renewing_leaves_ten_rows_also_after_some_were_used(ada: str) -> None:
    for code in renewed(ada)[:4]:
        assert accepted(ada, code)
    renewed(ada)
    assert len(rows(select(RecoveryCode.id))) == 10
    assert recovery_codes.left(ada) == 10


def test_codes_survive_a_new_pepper_as_long_as_the_old_one_stays_in_the_ring(build: Callable[..., Door]) -> None:
    door = build(PASSWORD_PEPPER=PEPPER)
    door.account()
    user_id = str(door.user()["id"])
    with door.app.app_context():
        older = renewed(user_id)
    with build(PASSWORD_PEPPER=NEWER).app.app_context():
        assert not accepted(user_id, older[0])
    with build(PASSWORD_PEPPER=f"{NEWER},{PEPPER}").app.app_context():
        assert accepted(user_id, older[0])
        assert not accepted(user_id, older[0])
        newer = renewed(user_id)
        assert not accepted(user_id, older[1])
    with build(PASSWORD_PEPPER=NEWER).app.app_context():
        assert accepted(user_id, newer[0])
