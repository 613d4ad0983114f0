"""What README and docs say of the house is so: the commands, the settings, the reasons, and every link."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

from config import Settings
from resources import problem_guide
from tests.house.sources import ROOT, sources

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")])
LINK = re.compile(r"!?\[[^\]]*\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
IMAGE = re.compile(r'<img src="([^"]*)"')
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
SETTING = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`")
REASON = re.compile(r'(?:SessionEnded\(|end_reason=|(?:sessions\.end\w*|shut_out)\([^)]*)"(\w+)"')
NOT_SETTINGS = {
    "FLASK_SKIP_DOTENV",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "DEV_PYTHON",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "GOOGLE_DISCOVERY_URL",
    "SERVER_METADATA_URL",
    "NAME_FILE",
    "REMOTE_ADDR",
}
"""Read for themselves, most by `environment.py`; `REMOTE_ADDR` is of WSGI."""


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(pages: list[Path]) -> list[str]:
    found = []
    for page in pages:
        text = FENCED.sub("", page.read_text(encoding="utf-8"))
        for path, anchor in [*LINK.findall(text), *((source, "") for source in IMAGE.findall(text))]:
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                found.append(f"{page.name}: {path}")
            elif anchor and anchor not in anchors(target):
                found.append(f"{page.name}: {path}#{anchor}")
    return found


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name


def test_every_link_of_a_page_leads_somewhere() -> None:
    assert broken_links(PAGES) == []


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# A b-c, d!\n[1](page.md#a-b-c-d) [2](#gone) ![3](gone.png) [4](https://x) [5](/tmp)\n<img src="lost.png">\n',
        encoding="utf-8",
    )
    assert broken_links([page]) == ["page.md: #gone", "page.md: gone.png", "page.md: lost.png"]


def test_every_command_of_ours_is_listed_and_no_other(app: Flask) -> None:
    asking = click.Context(app.cli)
    names = [name for name in app.cli.list_commands(asking) if name != "db"]
    ours = {name: found for name in names if (found := app.cli.get_command(asking, name))}
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    first = "".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))
    listed = {re.match(r"[a-z-]+(?: [a-z-]+)?", text)[0] for text in re.findall(r"`([^`]*)`", first)}  # type: ignore[index]
    assert listed == set(commands(click.Group(commands=ours)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_names_a_setting_that_there_is_not(page: Path) -> None:
    known = {name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    named = set(SETTING.findall(page.read_text(encoding="utf-8")))
    assert {name for name in named if name not in known and not name.startswith("OIDC_")} == set()


def test_the_reasons_of_an_ended_session_are_told_in_full() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    section = page.split("## `session_ended`")[1].split("\n## ")[0]
    rows = "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)).replace("`reason`", "")
    reasons = {reason for source in sources(ROOT) for reason in REASON.findall(source.text)}
    assert len(reasons) >= 11
    assert set(re.findall(r"`(\w+)`", rows)) == reasons
    assert all(reason in problem_guide.of("session_ended").meaning for reason in reasons)
