"""What deploy/nginx.conf says of the service is true: sizes, times, problem documents."""

import json
import re

from gunicorn.config import Keepalive

from config import Settings
from edge import A_YEAR, CAUTIONS
from resources.json_gate import MOST_BYTES
from resources.problems import BY_CODE
from tests.house.sources import ROOT

CONF = (ROOT / "deploy" / "nginx.conf").read_text()


def test_a_body_that_the_service_takes_passes_and_no_greater_one() -> None:
    default = Settings.model_fields["max_upload_bytes"].default
    assert re.findall(r"client_max_body_size (\w+);", CONF) == ["64k", str(-(-default * 4 // 3) + MOST_BYTES)]
    assert MOST_BYTES == 64 * 1024


def test_nginx_lets_go_of_an_idle_connection_before_gunicorn_does() -> None:
    """Else a POST may be sent on a connection that is being closed, and is lost."""
    upstream = re.search(r"upstream latchkey \{(.*?)\}", CONF, re.DOTALL)
    assert upstream
    (seconds,) = re.findall(r"keepalive_timeout (\d+)s;", upstream[1])
    assert int(seconds) < Keepalive.default


def test_its_problem_documents_are_the_services_own() -> None:
    documents = [json.loads(text) for text in re.findall(r"return \d+ '(\{.*\})';", CONF)]
    assert len(documents) == CONF.count("internal;") == 5
    for document in documents:
        refusal = BY_CODE[document["code"]]
        assert (document["title"], document["status"]) == (refusal.title, refusal.status)
        assert document["type"] == f"$latchkey_address/problems/{refusal.code}"
        assert set(document) == {"type", "title", "status", "detail", "code", "request_id"}


def test_what_nginx_answers_itself_has_the_cautions_of_the_service() -> None:
    sent = dict(re.findall(r'add_header ([\w-]+) "?(.+?)"? always;', CONF))
    for name, value in (pair for _, pair in CAUTIONS):
        assert sent[name] == value
    assert sent["Strict-Transport-Security"] == "$latchkey_hsts"
    assert f'on "max-age={A_YEAR}; includeSubDomains";' in CONF
