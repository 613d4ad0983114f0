"""`flask database …`: the roles that a service should have on its database server."""

import re
from collections.abc import Iterator

import click
from flask.cli import AppGroup
from sqlalchemy import URL

from database import Base, db
from services import mint

READ_AND_WRITE = "SELECT, INSERT, UPDATE, DELETE"
"""UPDATE and DELETE on audit facts too: erasure empties them, and their addresses are shortened after a time."""
MIGRATE = f"{READ_AND_WRITE}, CREATE, ALTER, DROP, INDEX, REFERENCES"
NAME = re.compile(r"[a-z_][a-z0-9_]{0,31}")
database = AppGroup("database", help="The database server's side.")


@database.command()
@click.option("--migrating", default="latchkey_migrating", help="The role that makes and changes tables.")
@click.option("--serving", default="latchkey_serving", help="The role that the service runs as.")
def roles(migrating: str, serving: str) -> None:
    """Print SQL that makes a role to migrate with and one to serve with, with fresh passwords.

    An administrator of the server runs it on the database that SQLALCHEMY_DATABASE_URI names. It may be run again: roles
    and their passwords then stay as they are.
    """
    if not (NAME.fullmatch(migrating) and NAME.fullmatch(serving)) or migrating == serving:
        raise click.ClickException("Give two different names of small letters, digits and underscores.")
    url = db.engine.url
    sql = {"postgresql": _postgresql, "mysql": _mariadb}.get(url.get_backend_name())
    if sql is None or url.database is None:
        raise click.ClickException("SQLite has no roles: who may write the file may also change its tables.")
    passwords = {name: mint.secret() for name in (migrating, serving)}
    for statement in sql(url.database, migrating, serving, passwords):
        click.echo(f"{statement};")
    for name, purpose in ((migrating, "to migrate"), (serving, "to serve")):
        click.echo(f"-- {purpose}: SQLALCHEMY_DATABASE_URI={_address(url, name, passwords[name])}")


def _address(url: URL, name: str, password: str) -> str:
    plain = url.set(drivername=url.get_backend_name(), username=name, password=password)
    return plain.render_as_string(hide_password=False)


def _postgresql(name: str, migrating: str, serving: str, passwords: dict[str, str]) -> Iterator[str]:
    """Tables that are there go to the migrating role; what it makes later is open to the serving one by default."""
    quoted = '"' + name.replace('"', '""') + '"'
    for role, password in passwords.items():
        make = f"CREATE ROLE {role} LOGIN PASSWORD '{password}'"
        yield f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN {make}; END IF; END $$"
    yield f"REVOKE ALL ON DATABASE {quoted} FROM PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {quoted} TO {migrating}, {serving}"
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC"
    yield f"GRANT USAGE, CREATE ON SCHEMA public TO {migrating}"
    yield f"GRANT USAGE ON SCHEMA public TO {serving}"
    for table in sorted([*Base.metadata.tables, "alembic_version"]):
        yield f"ALTER TABLE IF EXISTS public.{table} OWNER TO {migrating}"
    yield f"GRANT {READ_AND_WRITE} ON ALL TABLES IN SCHEMA public TO {serving}"
    yield f"ALTER DEFAULT PRIVILEGES FOR ROLE {migrating} IN SCHEMA public GRANT {READ_AND_WRITE} ON TABLES TO {serving}"


def _mariadb(name: str, migrating: str, serving: str, passwords: dict[str, str]) -> Iterator[str]:
    # In a GRANT, underscore and percent sign of a database's name are wildcards.
    quoted = "`" + re.sub(r"([_%])", r"\\\1", name.replace("`", "``")) + "`"
    for role, password in passwords.items():
        yield f"CREATE USER IF NOT EXISTS '{role}'@'%' IDENTIFIED BY '{password}'"
    yield f"GRANT {MIGRATE} ON {quoted}.* TO '{migrating}'@'%'"
    yield f"GRANT {READ_AND_WRITE} ON {quoted}.* TO '{serving}'@'%'"
