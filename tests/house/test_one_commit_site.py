"""One place begins and commits: the unit of work in `database.py` (and Alembic's script)."""

from tests.house import laws
from tests.house.sources import ROOT, sources


def test_nobody_else_begins_or_commits() -> None:
    assert laws.commit_sites(ROOT) == []


def test_one_statement_alone_is_kept_apart_from_the_unit_of_work() -> None:
    """`prepared.Change`, which no `commit` shows."""
    makers = {source.path: source.text.count("Change(") for source in sources(ROOT) if not source.path.startswith("tests/")}
    assert {path: count for path, count in makers.items() if count} == {"prepared.py": 1, "services/sessions.py": 1}


def test_the_unit_of_work_commits_once() -> None:
    database = next(source for source in sources(ROOT) if source.path == "database.py")
    assert database.text.count(".commit()") == 1
