"""`/readyz`: whether this process can serve, for load balancers."""

from typing import Literal

from pydantic import BaseModel

from errors import Unavailable
from flows import service
from resources.contract import Access, contract
from resources.utils import Resource


class Readiness(BaseModel):
    status: Literal["ok", "degraded"]
    failing: list[str]


class Readyz(Resource):
    access = Access.OPEN
    limited = False
    over_http = True

    @contract(answer=Readiness, refuses=(Unavailable,))
    def get(self) -> Readiness:
        """Whether calls can be served. `degraded`: they are, but a part is gone; without Redis each worker counts limits."""
        failing = service.readiness_now()
        return Readiness(status="degraded" if failing else "ok", failing=failing)
