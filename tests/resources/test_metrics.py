"""`/metrics`: who may read it, that Prometheus can, and that it counts what happened."""

import time
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

import jobs
from database import db
from edge import UNMATCHED
from resources.routes import ROUTES
from services.metrics import METRICS
from tests.parts.scrape import Scrape
from tests.people import PASSWORD
from tests.resources.conftest import METADATA, Door

Build = Callable[..., Door]
TOKEN = "a-token-for-prometheus"
FORWARDED = [
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Forwarded-Proto", "https"),
    ("Forwarded", "for=127.0.0.1"),
    ("X-Real-IP", "127.0.0.1"),
    ("Via", "1.1 proxy"),
]


def ask(door: Door, peer: str = "127.0.0.1", **headers: str) -> TestResponse:
    return door.app.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": peer})


def scrape(door: Door) -> Scrape:
    answer = ask(door)
    assert (answer.status_code, answer.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return Scrape(answer.get_data(as_text=True))


@pytest.mark.parametrize("proxies", ["0", "1"])
def test_without_a_token_only_this_machine_may_ask(build: Build, proxies: str) -> None:
    door = build(TRUSTED_PROXIES=proxies)
    assert [ask(door, peer).status_code for peer in ("127.0.0.1", "::1", "192.0.2.1", "10.0.0.1")] == [200, 200, 404, 404]
    for name, value in FORWARDED:
        answer = ask(door, **{name: value})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found"), name
    assert ask(door, "192.0.2.1", **{"X-Forwarded-For": "127.0.0.1"}).status_code == 404


def test_with_a_token_whoever_has_it_may_ask_and_nobody_else(build: Build) -> None:
    door = build(METRICS_TOKEN=TOKEN)
    for peer in ("127.0.0.1", "192.0.2.1"):
        for wrong in ("", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer ", "Bearer \u00e4"):
            assert ask(door, peer, Authorization=wrong).status_code == 404, wrong
        assert ask(door, peer).status_code == 404
        for right in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
            assert ask(door, peer, Authorization=right, **{"X-Forwarded-For": "192.0.2.9"}).status_code == 200
    assert TOKEN not in repr(door.app.extensions["settings"])


def test_prometheus_reads_every_metric_with_its_meaning(door: Door) -> None:
    door.get("/profile")
    found = scrape(door)
    assert found.names == METRICS.keys()
    kinds = {"counter": "counter", "histogram": "histogram"}
    for name, metric in METRICS.items():
        family = found.families[name.removesuffix("_total")]
        assert (family.documentation, family.type) == (metric.meaning, kinds.get(metric.kind, "gauge"))
        if metric.kind != "histogram":
            assert all(tuple(labels) == metric.labels for labels in found.labels(name))


def test_answers_are_counted_by_rule_and_never_by_path(door: Door) -> None:
    before = scrape(door)
    for path in ("/confirm/a-secret", "/confirm/another-secret", "/nowhere/at-all"):
        door.app.test_client().get(path, headers={"Accept": "application/json"})
    door.app.test_client().open("/login", method="BREW")
    door.app.test_client().open("/login", method="TEA-POT")
    after = scrape(door)

    def more(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert more("latchkey_requests_total", route="/confirm/<string:token>", method="GET") == 2
    assert more("latchkey_requests_total", route=UNMATCHED, method="other", status="404") == 1
    assert more("latchkey_requests_total", route=UNMATCHED, method="other", status="405") == 2
    assert more("latchkey_refusals_total", code="method_not_allowed") == 2
    assert "secret" not in after.text
    assert {labels["route"] for labels in after.labels("latchkey_requests_total")} <= {*ROUTES, UNMATCHED}


def test_a_histogram_counts_every_answer_once(door: Door) -> None:
    before = scrape(door)
    for _ in range(3):
        door.get("/profile")
    after = scrape(door)
    name, labels = "latchkey_request_duration_seconds", {"method": "GET", "route": "/profile"}
    buckets = [after.value(f"{name}_bucket", **labels, le=bound) for bound in ("0.005", "0.1", "10.0", "+Inf")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == after.value(f"{name}_count", **labels) == before.value(f"{name}_count", **labels) + 3
    assert 0 < after.value(f"{name}_sum", **labels) - before.value(f"{name}_sum", **labels) < 3


def test_sign_ins_are_counted_by_outcome(door: Door) -> None:
    door.account()
    before = scrape(door)
    door.login()
    door.post("/login", {"username": "ada", "password": "wrong-horse-battery"})
    door.post("/login", {"username": "nobody", "password": PASSWORD})
    door.post("/verify-otp", {"email": "ada@example.org", "otp_code": "000000", "password": PASSWORD})
    after = scrape(door)
    outcomes = {}
    for labels in after.labels("latchkey_sign_ins_total"):
        more = after.value("latchkey_sign_ins_total", **labels) - before.value("latchkey_sign_ins_total", **labels)
        outcomes[labels["route"], labels["outcome"]] = more
    changed = {key: count for key, count in outcomes.items() if count}
    assert changed == {
        ("/login", "success"): 1,
        ("/login", "invalid_credentials"): 2,
        ("/verify-otp", "invalid_otp"): 1,
    }


def test_the_limits_refusals_are_counted(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="2 per hour")
    before = scrape(door)
    for _ in range(5):
        door.get("/profile")
    assert (
        scrape(door).value("latchkey_refusals_total", code="rate_limited")
        - before.value("latchkey_refusals_total", code="rate_limited")
        == 3
    )


def test_mail_and_jobs_are_seen(door: Door) -> None:
    before = scrape(door)
    assert before.value("latchkey_outbox_letters") == 0
    door.sign_up()
    waiting = scrape(door)
    assert waiting.value("latchkey_outbox_letters") == 1
    assert 0 <= waiting.value("latchkey_outbox_oldest_due_seconds") < 5
    assert 0 < waiting.value("latchkey_outbox_oldest_seconds") < 5
    began = time.time()
    jobs.deliver_mail(door.app)
    after = scrape(door)
    assert after.value("latchkey_outbox_letters") == after.value("latchkey_outbox_oldest_seconds") == 0
    assert after.value("latchkey_letters_total", outcome="sent") == before.value("latchkey_letters_total", outcome="sent") + 1
    runs = {"job": "deliver_due", "outcome": "done"}
    assert after.value("latchkey_job_runs_total", **runs) == before.value("latchkey_job_runs_total", **runs) + 1
    assert began <= after.value("latchkey_job_last_success_timestamp_seconds", job="deliver_due") <= time.time()


def test_a_job_that_fails_is_counted_apart(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scrape(door)

    def end_idle() -> None:
        raise RuntimeError

    monkeypatch.setattr("jobs.sessions.end_idle", end_idle)
    jobs.end_idle_sessions(door.app)
    failed = {"job": "end_idle", "outcome": "failed"}
    assert scrape(door).value("latchkey_job_runs_total", **failed) == before.value("latchkey_job_runs_total", **failed) + 1


def test_parts_and_build_are_told(door: Door) -> None:
    found = scrape(door)
    assert found.labels("latchkey_part_up") == [{"part": "database"}]
    assert found.value("latchkey_part_up", part="database") == 1
    assert found.value("latchkey_build_info") == found.value("latchkey_workers") == 1


def test_without_its_database_it_still_tells_what_it_knows(build: Build) -> None:
    door = build()
    with door.app.app_context():
        METADATA.drop_all(db.engine)
    found = scrape(door)
    assert found.value("latchkey_part_up", part="database") == 0
    assert found.labels("latchkey_outbox_letters") == []
    assert found.value("latchkey_requests_total") > 0
