"""The one renderer of refusals: RFC 9457 problem documents, or a page with the same status where a browser asked for one."""

from flask import Response, g, make_response, render_template, request

from errors import Refusal, every_refusal
from extensions import settings
from resources import answers, carriage, problem_guide
from resources.audience import is_api_client

BY_CODE = {refusal.code: refusal for refusal in every_refusal()}


def document(refusal: Refusal) -> dict[str, object]:
    """The members of RFC 9457 §3.1, with our `code` and `request_id`."""
    return {
        "type": f"{settings().address}/problems/{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
        "request_id": g.get("request_id", ""),
        **refusal.members,
    }


def example(kind: type[Refusal]) -> dict[str, object]:
    """A document as this kind of refusal is answered."""
    return {
        "type": f"{settings().address}/problems/{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.advice,
        "code": kind.code,
        "request_id": "0b9f3c52-6f0e-4d53-9c50-3f4a1b2c7d8e",
        **problem_guide.of(kind.code).members,
    }


def render(refusal: Refusal, *, page: bool = False) -> Response:
    """An answer; `page`: the route has a page, so a browser gets one."""
    if page and not is_api_client(request):
        answer = make_response(render_template("pages/problem.html", problem=refusal), refusal.status)
    else:
        answer = answers.json(document(refusal), refusal.status, "application/problem+json")
    answer.headers.update(refusal.headers)
    g.refusal = refusal.code
    return carriage.cleared(answer) if isinstance(refusal, carriage.FINAL) else answer
