"""Traces, as a collector of OpenTelemetry gets them: what was asked for, and nothing of whom."""

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.attacks import doors
from tests.attacks.doors import call
from tests.attacks.town import wait_for
from tests.parts.ports import LOOPBACK

TRACE = "0af7651916cd43dd8448eb211c80319c"
UNPACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Take)
        self.spans: list[Any] = []
        self.raw = b""


class _Take(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = UNPACK.get(self.headers.get("Content-Encoding", ""), bytes)(body)
        self.server.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *given: Any) -> None:  # noqa: A002 - the name that the base gives
        return


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_requests_and_statements_are_spans_without_paths_parameters_or_people(
    collector: Collector, smtp: dict[str, str], tmp_path: Path
) -> None:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{collector.server_port}", "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with doors.service(f"sqlite:///{tmp_path / 'traced.db'}", smtp, **told) as door:
        call(door, "GET", "/confirm/a-secret-token", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
        doors.login(door, "kanari@example.org", "kanari-password")
        wait_for(lambda: {"GET /confirm/<string:token>", "POST /login"} <= {span.name for span in collector.spans})
    spans = {span.name: span for span in collector.spans}
    asked = spans["GET /confirm/<string:token>"]
    attributes = {pair.key: pair.value.string_value or pair.value.int_value for pair in asked.attributes}
    assert attributes == {
        "http.request.method": "GET",
        "http.route": "/confirm/<string:token>",
        "http.response.status_code": 400,
    }
    assert asked.trace_id.hex() == TRACE
    login = spans["POST /login"]
    below = [span.name for span in collector.spans if span.parent_span_id == login.span_id]
    assert {"SELECT", "INSERT", "UPDATE"} <= set(below)
    print(f"\n{len(collector.spans)} spans; below POST /login: {below}")
    for word in (b"secret", b"kanari", b"127.0.0.1", b"users", b"http.client"):
        assert word not in collector.raw
