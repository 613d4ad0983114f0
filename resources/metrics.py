"""`/metrics`, for Prometheus."""

import hmac

from flask import Response, request

from errors import NotFound
from extensions import settings
from flows import service
from resources import openapi
from resources.contract import Access, contract
from resources.peers import is_on_this_machine
from resources.utils import Resource

FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Resource):
    access = Access.OPEN
    limited = False
    over_http = True

    @contract(refuses=(NotFound,), media=("text/plain",))
    def get(self) -> Response:
        """What the service counts, over all workers, for Prometheus.

        With `METRICS_TOKEN` it wants that as a bearer token; without, only callers on the service's own machine are answered.
        """
        if not _may_ask():
            raise NotFound
        return Response(service.measured(openapi.VERSION), content_type=FORMAT)


def _may_ask() -> bool:
    if wanted := settings().metrics_token:
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        return hmac.compare_digest(given.strip().encode(), wanted.encode()) and kind.lower() == "bearer"
    return is_on_this_machine()
