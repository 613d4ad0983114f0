"""`docs/operations.md`, the alert rules and the dashboard name what there is: metrics, labels, jobs, codes and alerts."""

import json
import re
from typing import Any

import yaml

import jobs
from errors import every_refusal
from services.metrics import METRICS
from tests.house.sources import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ALERTS = (ROOT / "deploy" / "alerts.yaml").read_text(encoding="utf-8")
DASHBOARD = (ROOT / "deploy" / "grafana.json").read_text(encoding="utf-8")
NAME = re.compile(r"\b(latchkey_[a-z_]+[a-z])\b")
LABEL = re.compile(r'\b(\w+)(?:=|=~|!=)"([^"]*)"')
ROW = re.compile(r"^\| `(latchkey_\w+)` \| (.*?) \| (.*) \|$", re.MULTILINE)


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS)["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    shown = [target["expr"] for panel in json.loads(DASHBOARD)["panels"] for target in panel["targets"]]
    return [rule["expr"] for rule in rules()] + shown


def unknown(query: str) -> set[str]:
    """Names of metrics in a query that `/metrics` does not have."""
    plain = {re.sub(r"_(bucket|sum|count)$", "", name) for name in NAME.findall(query)}
    return plain - METRICS.keys()


def test_the_page_lists_every_metric_with_its_labels_and_meaning() -> None:
    listed = {name: (labels, meaning) for name, labels, meaning in ROW.findall(PAGE)}
    told = {name: (", ".join(f"`{label}`" for label in one.labels) or "none", one.meaning) for name, one in METRICS.items()}
    assert listed == told


def test_every_metric_of_a_query_is_one_of_ours() -> None:
    assert len(queries()) >= 25
    assert [(query, unknown(query)) for query in queries() if unknown(query)] == []
    assert unknown("sum(latchkey_logins_total)") == {"latchkey_logins_total"}


def test_every_label_of_a_query_can_have_its_value() -> None:
    codes = {kind.code for kind in every_refusal()} | {"success"}
    known = {"code": codes, "outcome": codes | {"failed", "done", "given_up", "sent"}, "job": {*jobs.PERIODS, "latchkey"}}
    for query in queries():
        for label, value in LABEL.findall(query):
            if label in known:
                assert all(any(re.fullmatch(part, one) for one in known[label]) for part in value.split("|")), (label, value)
            else:
                assert label in {name for metric in METRICS.values() for name in metric.labels}, label


def test_every_alert_has_a_severity_a_summary_and_advice() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in PAGE.split("## Alerts")[1].split("\n## ")[0]


def test_the_dashboard_shows_every_metric() -> None:
    shown = {re.sub(r"_bucket$", "", name) for name in NAME.findall(DASHBOARD)}
    assert shown >= METRICS.keys()
