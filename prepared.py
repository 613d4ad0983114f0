"""Statements of the calls that are made most, handed to the driver as text that was made ready once.

SQLAlchemy's own way from a statement to its rows takes five times as long as SQLite's answer.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.engine import Dialect

from database import db, in_transaction, rows, transaction_apart

T = TypeVar("T")
Conversion = Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class _Ready:
    """One statement in one dialect. `writers`: of its parameters by name. `places`: their order, if the driver goes by it."""

    text: str
    writers: dict[str, Conversion]
    places: list[str] | None
    readers: list[Conversion]

    def parameters(self, given: dict[str, Any]) -> list[Any] | dict[str, Any]:
        written = {name: write(given[name]) if write else given[name] for name, write in self.writers.items()}
        return written if self.places is None else [written[name] for name in self.places]

    def read(self, found: Sequence[Any]) -> list[Any]:
        return [
            value if read is None or value is None else read(value) for read, value in zip(self.readers, found, strict=True)
        ]


class _Prepared:
    """`statement`: it holds no values but `bindparam`s. Traced, or inside a transaction, it goes the ordinary way."""

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self.columns = list(statement.exported_columns)
        self.ready: dict[str, _Ready] = {}

    def _executed(self, given: dict[str, Any], take: Callable[[Any], T]) -> tuple[T, _Ready] | None:
        """What `take` makes of the cursor; None: ask in the ordinary way, which knows what each driver's errors mean."""
        engine = db.engines["reader"]
        if in_transaction() or engine.get_execution_options().get("traced"):
            return None
        ready = self.ready.get(engine.dialect.name) or self._made_ready(engine.dialect)
        with engine.connect() as connection:
            try:
                cursor = connection.connection.cursor()
                cursor.execute(ready.text, ready.parameters(given))
                taken = take(cursor)
                cursor.close()
            except engine.dialect.loaded_dbapi.Error:
                connection.invalidate()
                return None
            except BaseException:
                connection.invalidate()
                raise
        return taken, ready

    def _made_ready(self, dialect: Dialect) -> _Ready:
        compiled = self.statement.compile(dialect=dialect)
        self.ready[dialect.name] = _Ready(
            str(compiled),
            {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()},
            list(compiled.positiontup or []) if compiled.positional else None,
            [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in self.columns],
        )
        return self.ready[dialect.name]


class Lookup(_Prepared):
    """A read. Its rows are named after its columns."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        super().__init__(statement)
        made: Any = namedtuple
        self.row = made("Row", [column.key for column in self.columns])

    def rows(self, **given: Any) -> list[Any]:
        """What it finds."""
        if executed := self._executed(given, _all):
            found, ready = executed
            return [self.row(*ready.read(one)) for one in found]
        return [self.row(*one) for one in rows(self.statement, **given)]


class Change(_Prepared):
    """A conditional UPDATE that is kept at once, as by `transaction_apart`: to run it again must do no harm."""

    def count(self, **given: Any) -> int:
        """How many rows it changed."""
        if executed := self._executed(given, _count):
            return executed[0]
        with transaction_apart() as connection:
            return connection.execute(self.statement, given).rowcount


def _all(cursor: Any) -> list[Sequence[Any]]:
    return list(cursor.fetchall())


def _count(cursor: Any) -> int:
    return int(cursor.rowcount)
