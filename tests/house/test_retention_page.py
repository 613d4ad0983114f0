"""What the page on security says of how long rows are kept is what the code does."""

import re

import model
from config import ROOT
from database import Base
from services import attempts, outbox, provider_visits, retention

ROW = re.compile(r"^\| (`.+?`) \|(.*)\|$", re.MULTILINE)
DAY = 86400


def _rows() -> dict[str, str]:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    section = page.split("## How long rows are kept")[1].split("\n## ")[0]
    return {name: said for names, said in ROW.findall(section) for name in re.findall(r"`(\w+)`", names)}


def test_every_table_has_its_row() -> None:
    assert model.User.__tablename__ in Base.metadata.tables
    assert sorted(_rows()) == sorted(Base.metadata.tables)


def test_the_page_s_numbers_are_the_code_s() -> None:
    said = _rows()
    assert f"about no account: {retention.NOBODYS_DAYS} days" in said["audit_facts"]
    assert f"{retention.ATTEMPTS_DAYS} days after the last guess; a count of {attempts.STOP} stays" in said["attempts"]
    assert f"until {retention.KEPT_DAYS} days after they expire" in said["tickets"]
    assert f"{outbox.PER_HOUR} of a kind for each address and hour" in said["tickets"]
    assert (
        f"{outbox.ORDER_SECONDS // DAY} days after the request at the latest; then {retention.KEPT_DAYS} more"
        in said["letters"]
    )
    assert f"after {provider_visits.SECONDS // 60} minutes" in said["provider_visits"]
