"""`/uploads/profile_pictures/<name>`."""

from flask import Response

from errors import NotFound
from flows import profile
from resources import answers
from resources.contract import Access, contract
from resources.utils import Resource

POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
PARTS = {206: "The range that was asked for.", 304: "The picture has not changed."}
A_YEAR = 31536000


class Upload(Resource):
    access = Access.OPEN
    tag = "Profile"
    limited = False

    @contract(refuses=(NotFound,), media=("image/png", "image/jpeg"), also=PARTS)
    def get(self, name: str) -> Response:
        """A profile picture. Its name is random and its content never changes."""
        if not profile.is_picture(name):
            raise NotFound
        answer = answers.stored(profile.picture_folder(), name, A_YEAR)
        answer.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer
