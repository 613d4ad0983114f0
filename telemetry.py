"""Traces by OpenTelemetry, where its packages are installed and the environment names a collector.

Its own instrumentation of Flask would send paths and addresses, and a path may hold a link's secret; so the spans are made
here: method, rule and status of a request, and the first word of each statement.
"""

import os
import re
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import Engine, event

COLLECTOR = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def trace(app: Flask, engines: list[Engine], service_name: str) -> None:
    """Makes spans of requests and statements; nothing without collector or packages."""
    if not any(os.environ.get(name) for name in COLLECTOR):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - may be missing
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        app.logger.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but the OpenTelemetry packages are not installed")
        return
    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or service_name}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("latchkey")
    app.extensions["traces"] = provider
    _requests(app, tracer)
    for engine in engines:
        engine.update_execution_options(traced=True)
        _statements(engine, tracer)


def _requests(app: Flask, tracer: Any) -> None:
    from opentelemetry import context, propagate, trace  # noqa: PLC0415

    @app.before_request
    def begin() -> None:
        rule = request.url_rule.rule if request.url_rule else "-"
        method = request.method if request.method in METHODS else "other"
        given = {"http.request.method": method, "http.route": rule}
        parent = propagate.extract({"traceparent": request.headers.get("traceparent", "")})
        g.span = tracer.start_span(f"{method} {rule}", parent, trace.SpanKind.SERVER, given)
        g.span_context = context.attach(trace.set_span_in_context(g.span))

    @app.after_request
    def note(response: Response) -> Response:
        if span := g.get("span"):
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                span.set_status(trace.StatusCode.ERROR)
        return response

    @app.teardown_request
    def finish(error: BaseException | None) -> None:
        if span := g.pop("span", None):
            context.detach(g.pop("span_context"))
            span.end()


def _statements(engine: Engine, tracer: Any) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def begin(connection: Any, cursor: Any, statement: str, parameters: Any, execution: Any, many: bool) -> None:
        word = re.match(r"\s*([A-Za-z]+)", statement)
        system = {"db.system.name": engine.dialect.name}
        execution.latchkey_span = tracer.start_span(word[1].upper() if word else "statement", attributes=system)

    @event.listens_for(engine, "after_cursor_execute")
    def finish(connection: Any, cursor: Any, statement: str, parameters: Any, execution: Any, many: bool) -> None:
        execution.latchkey_span.end()

    @event.listens_for(engine, "handle_error")
    def fail(broken: Any) -> None:
        if span := getattr(broken.execution_context, "latchkey_span", None):
            span.end()
