"""`/refresh`."""

from errors import Refusal, TokenReused
from flows import token_refresh
from resources import answers
from resources.contract import Access, contract
from resources.utils import Resource


class Refresh(Resource):
    access = Access.REFRESH
    tag = "Sign up and sign in"

    @contract(answer=answers.TokenAnswer, refuses=(TokenReused,))
    def post(self) -> answers.TokenAnswer | Refusal:
        """Spend a refresh token for a new pair. Within the grace its one successor is given again."""
        return answers.outcome(token_refresh.refresh(self.claims, self.client), "Refreshed.")
