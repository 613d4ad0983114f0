"""The drawing of the house is what the code imports."""

from pathlib import Path

from tests.house import drawing
from tests.house.sources import ROOT


def test_the_drawing_is_what_the_code_imports() -> None:
    (shown,) = drawing.shown((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert shown == drawing.drawn(ROOT), "put the right hand side into docs/architecture.md"


def test_a_new_import_changes_the_drawing(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "signup.py").write_text("from services import users\n", encoding="utf-8")
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "users.py").write_text("import model\n", encoding="utf-8")
    (tmp_path / "jobs.py").write_text("import flows, model\n", encoding="utf-8")
    arrows = {line.strip() for line in drawing.drawn(tmp_path).splitlines() if "-->" in line}
    assert arrows == {"flows --> services", "services --> model", "jobs --> flows"}
