"""The tables of docs/security.md and docs/security-decisions.md say what the code does."""

import ast
import inspect
import re
from datetime import UTC, datetime, timedelta
from typing import get_args

import jwt
import pytest
from flask import Flask

import engines
import logs
from commands import sessions, users
from config import ROOT, SECRETS, Settings
from database import Base
from edge import A_YEAR, CAUTIONS
from flows import export
from resources import json_gate
from resources.answers import TokenAnswer
from resources.contract import Access
from resources.routes import ROUTES
from services import (
    attempts,
    bounded_http,
    breaches,
    failed_sign_ins,
    hashing,
    mint,
    names,
    openid,
    outbox,
    pictures,
    provider_http,
    sign_ins,
    signing,
    tokens,
)
from tests.attacks.test_kinds_of_token import contracts
from tests.house.sources import Source, imports, sources
from tests.journeys import test_outgoing_connections as outgoing
from tests.resources.test_event_lines import OF_A_LINE

WHO = {
    Access.OPEN: "anybody",
    Access.SIGNED_IN: "signed in",
    Access.EITHER_WAY: "anybody or signed in",
    Access.IF_GOOD: "anybody",
    Access.REFRESH: "refresh token",
    Access.EITHER_TOKEN: "signed in or refresh token",
    Access.DEVELOPMENT: "this machine, development only",
}
CRYPTOGRAPHY = {
    *("hashlib", "hmac", "secrets", "ssl", "uuid", "bcrypt", "flask_bcrypt", "cryptography"),
    *("jwt", "flask_jwt_extended", "joserfc", "pyotp", "authlib.jose"),
}
NETWORK = {"socket", "smtplib", "requests", "urllib3", "urllib.request", "http.client", "redis", "flask_mail"}
BY_LINK = "POST /confirm/<string:token>"
"""Signs in too, where the password comes with it."""
NO_WAY_IN = {"POST /refresh", "POST /reauthenticate"}
"""They answer with tokens of a session that is already open."""
NO_WAITS = "\N{EN DASH}"


def section(heading: str, page: str = "security-decisions.md") -> str:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table(heading: str, page: str = "security-decisions.md", *, number: int = 0) -> list[list[str]]:
    """The rows of the section's table, cell by cell, without its head."""
    tables = re.findall(r"(?:^\|.*\n)+", section(heading, page), re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in tables[number].splitlines()[2:]]


def quoted(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def test_every_call_says_who_may_call_it() -> None:
    said = {call.strip("`"): (who, fresh) for call, who, _, fresh in table("Who may call what")}
    served = {
        f"{method} {path.replace('string:', '')}": (
            resource.access_of(method.lower()),
            getattr(resource, method.lower()).contract,
        )
        for path, resource in ROUTES.items()
        for method in resource.methods & {"GET", "POST", "PUT", "DELETE"}
    }
    assert said.keys() == served.keys()
    for call, (who, fresh) in said.items():
        access, contract = served[call]
        assert (who, fresh == "yes") == (WHO[access], contract.fresh), call


def test_every_column_has_one_class() -> None:
    said = {table.strip("`"): [quoted(cell) for cell in cells] for table, *cells in table("Data classes", number=1)}
    assert said.keys() == Base.metadata.tables.keys()
    for name, classes in said.items():
        columns = sorted(column for one in classes for column in one)
        assert columns == sorted(Base.metadata.tables[name].columns.keys()), name


def test_every_claim_and_log_field_has_one_class(app: Flask) -> None:
    said = [(where, quoted(fields)) for where, _, fields in table("Data classes", number=2)]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with app.app_context():
        grant = tokens.Grant(mint.identifier(), mint.identifier(), mint.identifier(), now, now, now, now, ("pwd",), ("user",))
        claims = jwt.decode(tokens.mint_access(grant), options={"verify_signature": False})
    assert sorted(name for where, names in said if where == "access token" for name in names) == sorted(claims)
    plain = {logs.NAMES.get(name, name) for name in re.findall(r"%\((\w+)\)", logs.FIELDS)}
    told = re.search(r'told = \{("method".*)\}', (ROOT / "edge.py").read_text(encoding="utf-8"))
    assert told
    of_a_request = set(re.findall(r'"(\w+)":', told[1]))
    assert next(names for where, names in said if where == "log line") == plain | of_a_request | {"exc_info"}
    of_an_event = [name for where, names in said if where == "log line of an event" for name in names]
    assert sorted(of_an_event) == sorted(OF_A_LINE)


def uses(source: Source, name: str) -> bool:
    """Whether the code of the file names it, as such, as an attribute or, in capitals, as a text."""
    spelled = {name, f"extensions.{name}", f"entry.{name}"}
    nodes = [node for node in ast.walk(source.tree) if isinstance(node, ast.Name | ast.Attribute | ast.Constant)]
    return any((node.value if isinstance(node, ast.Constant) else ast.unparse(node)) in spelled for node in nodes)


def test_the_context_table_is_the_code_s() -> None:
    rows = table("Context")
    assert len(rows) == 8
    for _, names_of, files, decides in rows:
        (name,) = quoted(names_of)
        using = {source.path for source in sources(ROOT) if uses(source, name)}
        assert using == quoted(files), name
        assert decides


def test_what_is_known_of_a_caller_is_read_in_three_places() -> None:
    raw = re.compile(r"\bremote_addr\b|\bREMOTE_ADDR\b|request\.user_agent")
    reading = {source.path for source in sources(ROOT) if raw.search(source.text)}
    assert {path for path in reading if path.startswith(("flows", "services", "resources")) or "/" not in path} == {
        *("extensions.py", "resources/peers.py", "resources/utils.py"),
    }


def test_no_other_context_is_used() -> None:
    said = section("Context").split("Not used: ")[1]
    unused = {
        "place": r"geoip|GeoIP|CF-IPCountry|maxmind",
        "time of day": r"\.hour\b",
        "day of the week": r"weekday\(",
        "language": r"Accept-Language|accept_languages",
        "reputation": r"spamhaus|dnsbl|abuseipdb",
        "client hints": r"Sec-CH-",
    }
    for words, spelling in unused.items():
        assert words in said
        assert [source.path for source in sources(ROOT) if re.search(spelling, source.text)] == [], words


def test_the_notices_of_unusual_sign_ins_have_the_code_s_numbers() -> None:
    said = " ".join(" | ".join(row) for row in table("Notices", "security.md"))
    counts = {3: "third", 5: "5 or more"}
    assert f"the {counts[failed_sign_ins.WRONG_CODES]} wrong code within 1 hour | at once | 1 a day" in said
    assert f"{counts[failed_sign_ins.MANY]} failed ones" in said
    assert f"not finished within {2 * sign_ins.PENDING_SECONDS // 60} minutes | then | 1 a day" in said
    assert 2 * sign_ins.PENDING_SECONDS <= outbox.LONGEST_ORDER_DELAY
    assert (timedelta(hours=1), timedelta(hours=24)) == (failed_sign_ins.HOUR, failed_sign_ins.DAY)


def test_the_guessing_table_is_the_code_s() -> None:
    factors = {
        "password": attempts.PASSWORD,
        "code of the app": attempts.TOTP,
        "recovery code (120 bits)": attempts.RECOVERY_CODE,
        "mailed login code": attempts.LOGIN_CODE,
        "mailed code that proves an account for a link": attempts.LINK_CODE,
        "mailed step-up code": attempts.STEP_UP_CODE,
    }
    guesses = {value for value in vars(attempts).values() if isinstance(value, attempts.Factor)} - {attempts.ADDRESS_CHANGE}
    assert set(factors.values()) == guesses
    waits = f"{attempts.FIRST_WAIT} s, doubling to {attempts.LONGEST_WAIT // 3600} h"
    said = table("Guessing", "security.md")
    assert [name for name, *_ in said] == list(factors)
    for name, free, then, end, _ in said:
        factor = factors[name]
        assert free.split()[0] == str(factor.most if not factor.waits else attempts.FREE), name
        assert then in ((waits, "the same") if factor.waits else (NO_WAITS,)), name
        if factor.waits:
            assert end == str(factor.most or "none"), name
        else:
            assert ("an hour" in end) is (factor.window == 3600), name


def test_every_way_in_has_a_row() -> None:
    said = {call for way, *_ in table("Ways in") for call in quoted(way)}
    gives_tokens = {f"{method} {path}" for method, path, _, contract in contracts() if contract.answer is TokenAnswer}
    assert said == gives_tokens - NO_WAY_IN | {BY_LINK}


def test_session_lives_are_the_settings_own() -> None:
    said = {setting.strip("`").lower(): int(seconds) for _, setting, seconds, _ in table("Session lives")}
    assert said == {name: Settings.model_fields[name].default for name in said}
    assert {
        name for name in Settings.model_fields if re.search(r"token_expires|^session|^inactivity|^fresh|reuse", name)
    } == set(said)


def test_the_input_rules_have_the_code_s_numbers() -> None:
    said = dict(table("Input rules"))
    assert f"{json_gate.MOST_BYTES // 1024} KiB, {json_gate.MOST_DEPTH} levels" in said["body"]
    assert said["user name"].startswith(f"{names.SHORTEST_USERNAME} to {names.LONGEST_USERNAME} of")
    assert said["email address"].startswith(f"{names.LONGEST_ADDRESS} characters")
    assert said["first and last name"].startswith(f"1 to {names.LONGEST_PERSON_NAME} characters")
    least, most = (Settings.model_fields[f"password_{end}_length"].default for end in ("min", "max"))
    assert said["password"].startswith(f"{least} to {most} code points")


def test_costly_functions_have_the_code_s_limits() -> None:
    said = {what: limit for what, _, limit, _ in table("Costly functions")}
    assert f"{hashing.QUEUE_PER_TURN} waiting for each, {hashing.WAIT_SECONDS:.0f} s" in said["password hash"]
    assert said["picture"] == f"{pictures.AT_ONCE} at once in a worker, {pictures.WAIT_SECONDS} s waiting"
    assert said["data export"].startswith(f"{export.AT_ONCE} at once in a worker, {export.WAIT_SECONDS} s waiting;")
    assert said["large body"].startswith(f"{json_gate.LARGE_AT_ONCE} at once in a worker, {json_gate.SECONDS} s")
    assert said["question to a provider"] == (
        f"{provider_http.AT_ONCE} at once for each provider, {provider_http.WAIT_SECONDS:.0f} s waiting, "
        f"{bounded_http.SILENCE_SECONDS} s of silence, {bounded_http.WHOLE_SECONDS:.0f} s in all, "
        f"{bounded_http.MOST_BYTES // 1024} KiB"
    )
    assert said["question about a leaked password"] == (
        f"{breaches.AT_ONCE} at once in a worker, {breaches.SECONDS:.0f} s in all, {bounded_http.MOST_BYTES // 1024} KiB"
    )
    assert said["statement of the database"].endswith(f"{engines.ANSWER_SECONDS} s")
    timeout = Settings.model_fields["mail_timeout"].default
    assert said["mail"].startswith(f"{timeout} s of silence (`MAIL_TIMEOUT`), {outbox.PER_HOUR} of a kind")
    assert said["mail"].endswith(f"{outbox.MOST_TRIES} tries")


def test_every_setting_that_names_a_host_is_an_outgoing_connection() -> None:
    said = {name for _, host, *_ in table("Outgoing connections") for name in quoted(host)}
    hosts = {
        name.upper() for name in Settings.model_fields if name.endswith(("_uri", "_server", "_discovery_url", "_breach_url"))
    }
    assert hosts <= said
    not_in_the_journey = {"OIDC_<NAME>_DISCOVERY_URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "PASSWORD_BREACH_URL", "BASE_URL"}
    assert said == {*outgoing.ADDRESSES, *outgoing.MAIL} | not_in_the_journey
    outward = {
        source.path for source in sources(ROOT) if {name for one in imports(source) for name in (one.module, one.top)} & NETWORK
    }
    assert {path for path in outward if not path.startswith(("servers/", "commands/", "deploy/"))} == {
        *("extensions.py", "services/post.py", "services/provider_connections.py", "services/provider_http.py"),
        *("services/bounded_http.py", "services/breaches.py", "services/shared_counts.py"),
    }


def test_every_key_and_every_use_of_cryptography_is_in_the_inventory() -> None:
    keys = {name for key, *_ in table("Keys") for name in quoted(key)}
    assert keys == {name.upper() for name in SECRETS} | {"JWT_PRIVATE_KEYS"}
    listed = {path for _, _, where, _ in table("Keys", number=1) for path in quoted(where)}
    using = {
        source.path
        for source in sources(ROOT)
        if any(one.module in CRYPTOGRAPHY or one.module.split(".")[0] in CRYPTOGRAPHY for one in imports(source))
    }
    assert using == listed


def test_the_inventory_names_what_providers_may_sign_with() -> None:
    (row,) = [what for what, use, *_ in table("Keys", number=1) if "ID tokens" in use]
    assert {"RS256", "PS256", "ES256", "EdDSA"} <= set(re.findall(r"\w+", row)) & set(openid.ALGORITHMS)
    assert f"from {openid.LEAST_RSA_BITS} bits" in row


def test_each_algorithm_in_use_says_what_replaces_it() -> None:
    replaced = {what: by for what, *_, by in table("Keys", number=1)}
    listed = " ".join(replaced)
    formats = {"fernet": "Fernet", "aes-256-gcm": "AES-256-GCM"}
    in_use = {"HS256", *signing.OF_KEY_FILES, *(formats[name] for name in choices("encryption_format")), "bcrypt", "SHA-1"}
    assert set(choices("jwt_algorithm")) == {"HS256", *signing.OF_KEY_FILES}
    assert [name for name in in_use if name not in listed] == []
    assert all(replaced.values())
    assert "ML-DSA" in next(by for what, by in replaced.items() if what.startswith("HS256"))
    assert "Post-quantum:" in section("Keys")


def choices(setting: str) -> tuple[str, ...]:
    return get_args(Settings.model_fields[setting].annotation)


def test_each_act_of_an_operator_on_accounts_is_an_event_and_says_who_is_told() -> None:
    said = {
        command.strip("`"): (event.strip("`"), told != "none") for command, event, told in table("Operators and second factors")
    }
    done = {}
    for group in (users.users, sessions.sessions):
        for name, command in group.commands.items():
            text = inspect.getsource(inspect.unwrap(command.callback)) if command.callback else ""
            if event := re.search(r"""(?:_change\(account, |audit\.record\()"(\w+)\"""", text):
                done[f"{group.name} {name}"] = (
                    event[1],
                    bool(re.search(r"notices\.tell|lockout\.(?:close|move)|outbox\.order", text)),
                )
            else:
                assert "unit_of_work" not in text, name
    assert said == done
    assert "No command needs a second operator" in section("Operators and second factors")


@pytest.mark.parametrize("page", ["security.md", "security-decisions.md"])
def test_no_table_has_a_broken_row(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for rows in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count(" | ") for line in rows.splitlines() if not line.startswith("|---")}) == 1, rows


def test_the_page_says_that_sessions_are_not_limited_in_number() -> None:
    assert "The number of sessions of an account is not limited" in section("Session lives")


def test_the_page_says_how_sessions_here_and_at_a_provider_end() -> None:
    said = section("Providers", "security.md")
    assert "Signing out at the provider does not end sessions here" in said
    assert {"INACTIVITY_SECONDS", "SESSION_MAX_SECONDS"} <= quoted(said)


def test_the_risky_components_are_packages_of_ours() -> None:
    said = re.search(r"Risky components: (.*)", section("Costly functions"), re.DOTALL)
    packages = (ROOT / "requirements.txt").read_text(encoding="utf-8").lower()
    assert said
    for name in ("Pillow", "Authlib", "joserfc", "ua-parser", "zxcvbn"):
        assert name in said[1]
        assert f"\n{name.lower()}==" in packages


def test_the_page_names_the_browser_features_that_are_relied_on() -> None:
    said = section("What browsers need")
    sent = {name for _, (name, _) in CAUTIONS}
    known = {
        "nosniff": "X-Content-Type-Options",
        "CSP": "Content-Security-Policy",
        "CORP": "Cross-Origin-Resource-Policy",
    }
    assert all(word in said and name in sent for word, name in known.items())
    assert all(word in said for word in ("`__Host-`", "`SameSite`", "COOP", "HSTS", "Web Locks"))


def test_the_days_to_patch_are_given_for_each_severity() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8").split("## Time to patch")[1]
    rows = re.findall(r"^\| (\w+)[^|]*\| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    assert [severity for severity, *_ in rows] == ["critical", "high", "medium", "low"]
    assert all(list(map(int, days)) == sorted(map(int, days)) for days in zip(*(row[1:] for row in rows), strict=True))


def test_pages_use_living_technology_only() -> None:
    pages = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("examples/spa/**/*.html"), *ROOT.glob("examples/spa/**/*.js")]
    dead = re.compile(r"<(object|embed|applet|marquee|frameset|frame|keygen)\b|document\.write|XMLHttpRequest|ActiveX")
    assert len(pages) > 20
    assert [page.name for page in pages if dead.search(page.read_text(encoding="utf-8"))] == []


def test_the_page_on_production_tells_how_to_preload_hsts() -> None:
    said = (ROOT / "docs" / "production.md").read_text(encoding="utf-8").split("**HTTPS.**")[1].split("\n\n")[0]
    assert A_YEAR == 365 * 86400
    assert "HSTS for a year" in said
    assert "hstspreload.org" in said
