"""What the service says of itself: `/`, `/healthz`, `/openapi.json`, `/docs`, `/problems/<code>`."""

import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zlib import crc32

import flask_swagger_ui
from flask import Response, current_app, redirect, render_template, request
from pydantic import BaseModel, Field

from errors import NotFound
from extensions import settings
from flows import service
from resources import answers, openapi, pages, postman, problem_guide, problems
from resources.audience import is_api_client
from resources.contract import Access, contract
from resources.utils import Resource

SWAGGER = Path(flask_swagger_ui.__file__).parent / "dist"
PARTS = {206: "The range that was asked for.", 304: "The file has not changed."}
SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
START_SCRIPT = 'SwaggerUIBundle({url: %s, dom_id: "#docs", deepLinking: true, persistAuthorization: false});\n'


class About(BaseModel):
    name: str
    version: str
    docs: str | None = Field(description="null where API_DOCS is off")
    openapi: str | None = Field(description="null where API_DOCS is off")


class Health(BaseModel):
    status: str


class Index(Resource):
    access = Access.OPEN
    limited = False

    @contract(answer=About, media=("text/html",), also={302: "A browser is sent to the documentation."})
    def get(self) -> About | Response:
        """What this is. A browser is sent to the documentation."""
        has_docs, base = settings().api_docs, settings().address
        if has_docs and not is_api_client(request):
            return current_app.make_response(redirect(f"{settings().base_path}/docs"))
        docs, document = (f"{base}/docs", f"{base}/openapi.json") if has_docs else (None, None)
        return About(name=settings().service_name, version=openapi.VERSION, docs=docs, openapi=document)


class Healthz(Resource):
    access = Access.OPEN
    limited = False
    over_http = True

    @contract(answer=Health)
    def get(self) -> Health:
        """The process is up."""
        return Health(status="ok")


class OpenApi(Resource):
    access = Access.OPEN
    limited = False

    @contract(media=("application/json",))
    def get(self) -> Response:
        """This document."""
        return answers.json(openapi.document(current_app))


class Jwks(Resource):
    access = Access.OPEN
    limited = False

    @contract(media=("application/json",))
    def get(self) -> Response:
        """The public keys that verify tokens (RFC 7517); an empty set with HS256."""
        answer = answers.json(service.key_set())
        answer.headers["Cache-Control"] = "public, max-age=300"
        return answer


class Docs(Resource):
    access = Access.OPEN
    limited = False

    @contract(media=("text/html",))
    def get(self) -> Response:
        """The documentation, rendered from /openapi.json with local files only."""
        page = pages.answer(render_template("pages/docs.html", release=_edition()))
        page.headers["Content-Security-Policy"] = DOCS_POLICY
        return page


class DocsFile(Resource):
    access = Access.OPEN
    limited = False

    @contract(refuses=(NotFound,), media=("text/css", "text/javascript", "application/json"), also=PARTS)
    def get(self, name: str) -> Response:
        """A file of the documentation page, or of Postman."""
        if name == "start.js":
            return Response(START_SCRIPT % json.dumps(f"{settings().base_path}/openapi.json"), mimetype="text/javascript")
        if name == "postman_collection.json":
            return _download(name, postman.collection(openapi.document(current_app)))
        if name == "postman_environment.json":
            return _download(name, postman.environment(settings().service_name, settings().address))
        if name not in SWAGGER_FILES:
            raise NotFound
        return answers.stored(SWAGGER, name, 86400)


@cache
def _edition() -> str:
    """Changes with the files, so that browsers ask for new ones. A checksum: the page tells no version."""
    return f"{crc32(version('flask-swagger-ui').encode()):08x}"


def _download(name: str, document: object) -> Response:
    answer = answers.json(document)
    answer.headers["Content-Disposition"] = f"attachment; filename=latchkey.{name}"
    return answer


class ProblemPage(Resource):
    access = Access.OPEN
    limited = False

    @contract(refuses=(NotFound,), media=("text/html",))
    def get(self, code: str) -> Response:
        """What a problem `type` means."""
        if code not in problems.BY_CODE:
            raise NotFound
        kind: Any = problems.BY_CODE[code]
        example = json.dumps(problems.example(kind), indent=2)
        return pages.answer(
            render_template(
                "pages/problem_type.html",
                kind=kind,
                guide=problem_guide.of(code),
                example=example,
                has_docs=settings().api_docs,
            )
        )
