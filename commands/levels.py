"""How far a database's schema is, against the history that the code brings."""

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from config import ROOT


def of_code() -> list[str]:
    """Every revision that the code knows, the newest first."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]


def of_database(connection: Connection) -> str | None:
    """None where nothing was ever made."""
    return MigrationContext.configure(connection).get_current_revision()
