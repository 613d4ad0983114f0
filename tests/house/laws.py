"""The laws that no linter knows, as functions of a folder: each returns its offences, one sentence for each."""

import ast
import re
from pathlib import Path

from tests.house.sources import OUTSIDE, Source, imports, sources

MAY_IMPORT = {
    "hosts": "",
    "setting_kinds": "hosts",
    "machine": "",
    "config": "hosts machine setting_kinds",
    "transport": "config",
    "setting_faults": "config transport",
    "errors": "",
    "extensions": "config",
    "database": "",
    "prepared": "database",
    "engines": "config",
    "schema": "config database",
    "logs": "config",
    "sqlite": "",
    "telemetry": "",
    "envfile": "config environment",
    "environment": "config setting_faults",
    "model": "database",
    "migrations": "database model schema",
    "services": "config database errors extensions model prepared services",
    "flows": "config errors extensions services",
    "resources": "config database errors extensions flows resources services",
    "commands": "commands config database environment errors extensions hosts jobs schema services setting_kinds transport",
    "jobs": "database extensions services",
    "edge": "config errors extensions resources services",
    "app": "commands config database edge engines environment errors extensions jobs logs resources services sqlite telemetry",
    "servers": "app config database errors jobs resources schema servers services",
    "serve": "config environment envfile servers services",
}
"""What of ours each storey may import; a new single file needs its line here."""
READS_THE_REQUEST = {"request", "g", "session", "request_ctx", "has_request_context", "after_this_request"} | {
    *("get_jwt", "get_jwt_identity", "get_current_user", "current_user", "verify_jwt_in_request", "jwt_required"),
}
MAY_READ_THE_REQUEST = {
    "resources": READS_THE_REQUEST,
    "app": READS_THE_REQUEST,
    "edge": READS_THE_REQUEST,
    "logs": {"g", "has_request_context"},
    "servers": {"g"},  # a request that never reaches the app has an id too
    "telemetry": {"g", "request"},
    "extensions": {"request"},  # whom the limits count
}
COMMIT_SITES = ("database.py", "engines.py", "sqlite.py", "migrations/env.py")
SQL_THAT_COMMITS = re.compile(r"(COMMIT|BEGIN|AUTOCOMMIT)( [A-Z]+)*;?")
SECRET_NAME = re.compile(r"(^|_)(token|secret|digest|csrf|signature|nonce|verifier|fingerprint|hmac|mac|password)s?$", re.I)
COLUMN = re.compile(r"[A-Z][a-z]\w*\.\w+$")
NO_SECRETS = {
    ("commands/backup/archive.py", "self._hash(PICTURES + name) == digest"),  # a checksum that the archive shows
    ("setting_faults.py", "password == user"),  # the operator's own, at start
}
LONGEST_FUNCTION = 40
LONGEST_FILE = {"model.py": 500, "errors.py": 400, "config.py": 400, "tests": 400, "benchmarks": 400}
EMPTY_WORDS = re.compile(r"Manager|Helper|Handler|Util")
SPELLED_BY_CHANCE = re.compile(r"b?'[A-Za-z0-9_-]{1,4}'")
"""What a token, an id or a sealed text holds often enough to be met: three letters in one of 200 sealed letters."""


def upward_imports(folder: Path) -> list[str]:
    """Imports against the order of the storeys; `app.py` may import `serve` only where it is run."""
    found = []
    for source in sources(folder):
        if source.storey not in MAY_IMPORT:
            found.append(f"{source.path} has no place in the order: give it a line in MAY_IMPORT")
            continue
        allowed = MAY_IMPORT[source.storey].split()
        late = block_that_runs(source) if source.path == "app.py" else set()
        for one in imports(source):
            ours = one.top in MAY_IMPORT or one.top in OUTSIDE
            if ours and one.top not in allowed and not (one.top == "serve" and one.node in late):
                found.append(f"{source.path}:{one.node.lineno} imports {one.module}")
    return found


def block_that_runs(source: Source) -> set[ast.AST]:
    """What stands under `if __name__ == "__main__"`."""
    guard = "__name__ == '__main__'"
    blocks = [node for node in source.tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == guard]
    return {inner for block in blocks for inner in ast.walk(block)}


def flask_in_settings(folder: Path) -> list[str]:
    """Settings know nothing of Flask."""
    return [
        f"config.py:{one.node.lineno} imports {one.module}"
        for source in sources(folder)
        if source.path == "config.py"
        for one in imports(source)
        if one.top.startswith("flask")
    ]


def request_readers(folder: Path) -> list[str]:
    """Below the resources nobody touches the request. A plain `import flask` would hide who does."""
    found = []
    for source in sources(folder):
        allowed = MAY_READ_THE_REQUEST.get(source.storey, set())
        for one in imports(source):
            hidden = one.top == "flask" and one.name in ("", "*", "globals", "ctx")
            reads = one.top.startswith("flask") and one.name in READS_THE_REQUEST - allowed
            if reads or hidden:
                found.append(f"{source.path}:{one.node.lineno} imports {one.module}.{one.name}".rstrip("."))
    return found


def commit_sites(folder: Path) -> list[str]:
    """Transactions begun or committed elsewhere. `begin` may be a flow's verb: then its module comes from flows."""
    found = []
    for source in sources(folder):
        if source.path in COMMIT_SITES or source.path.startswith("migrations/versions/"):
            continue
        flows = {one.name for one in imports(source) if one.module == "flows"}
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and node.attr in ("commit", "begin", "begin_nested"):
                if node.attr == "commit" or ast.unparse(node.value) not in flows:
                    found.append(f"{source.path}:{node.lineno} {ast.unparse(node)}")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL_THAT_COMMITS.fullmatch(node.value):
                found.append(f"{source.path}:{node.lineno} {node.value}")
    return found


def long_functions(folder: Path) -> list[str]:
    """Functions above the cap, everywhere but in generated migrations."""
    return [
        f"{source.path}:{node.lineno} {node.name} has {length} lines"
        for source in sources(folder, outside=True)
        if not source.path.startswith("migrations/versions/")
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]


def long_files(folder: Path) -> list[str]:
    """Files above their cap."""
    return [
        f"{source.path} has {length} lines"
        for source in sources(folder, outside=True)
        if not source.path.startswith("migrations/versions/")
        if (length := len(source.text.splitlines())) > LONGEST_FILE.get(source.path, LONGEST_FILE.get(source.storey, 250))
    ]


def empty_names(folder: Path) -> list[str]:
    """Classes whose name says nothing, unless a library's class is their base."""
    found = []
    for source in sources(folder, outside=True):
        libraries = {
            (alias.asname or alias.name).split(".")[0]
            for one in imports(source)
            if one.top not in MAY_IMPORT and one.top not in OUTSIDE
            for alias in one.node.names
        }
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and EMPTY_WORDS.search(node.name):
                bases = {ast.unparse(base).split(".")[0].split("[")[0] for base in node.bases}
                if not bases & libraries:
                    found.append(f"{source.path}:{node.lineno} {node.name}")
    return found


def searches_left_to_chance(folder: Path) -> list[str]:
    """Tests that want a text free of a word so short that random base64 or hex spells it now and then."""
    return [
        f"{source.path}:{node.lineno} {ast.unparse(node)}"
        for source in sources(folder, outside=True)
        if source.storey in OUTSIDE
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotIn) and isinstance(node.left, ast.Constant)
        if SPELLED_BY_CHANCE.fullmatch(repr(node.left.value))
    ]


def secrets_compared_at_sight(folder: Path) -> list[str]:
    """`==` and `!=` on what is named as a secret: they end at the first wrong byte. A column is a lookup of the database."""
    return [
        f"{source.path}:{node.lineno} {ast.unparse(node)}"
        for source in sources(folder)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare) and any(isinstance(operator, (ast.Eq, ast.NotEq)) for operator in node.ops)
        if any(
            not isinstance(side, ast.Constant) and SECRET_NAME.search(last_name(side))
            for side in (node.left, *node.comparators)
        )
        if not COLUMN.match(ast.unparse(node.left)) and (source.path, ast.unparse(node)) not in NO_SECRETS
    ]


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c`, `a["c"]`, `a.get("c")` and `b.c(…)`; empty for anything else."""
    if isinstance(node, ast.Call):
        got = isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args
        return last_name(node.args[0] if got else node.func)
    if isinstance(node, ast.Subscript):
        return last_name(node.slice)
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
