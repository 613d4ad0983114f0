"""Who reads the answer: an API client, or a browser that shows it to a person."""

from flask import Request

FORM = "application/x-www-form-urlencoded"


def is_api_client(request: Request) -> bool:
    """Everything but a page request, and that is what a browser navigates to, or a hosted form's body.

    Browsers say whether they navigate (Fetch Metadata); a caller that does not say so asks for a page by naming HTML. So
    fetch() is an API client whatever it accepts. HEAD is answered as a page's GET, which runs nothing.
    """
    if request.method == "HEAD":
        return False
    if request.mimetype == FORM:
        return False
    if request.is_json:
        return True
    if any(name.startswith("Sec-Fetch-") for name, _ in request.headers):
        return request.headers.get("Sec-Fetch-Mode") != "navigate"
    return "text/html" not in request.headers.get("Accept", "").lower()
