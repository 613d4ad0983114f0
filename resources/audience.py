"""Who reads the answer: an API client, or a browser with a person (or a mail scanner) before it."""

from flask import Request


def is_api_client(request: Request) -> bool:
    """Whoever names JSON in Accept; or accepts anything and shows no sign of a browser. HEAD always counts as a browser."""
    if request.method == "HEAD":
        return False
    accepted = request.headers.get("Accept", "").strip()
    if "application/json" in accepted.lower():
        return True
    looks_like_browser = request.user_agent.string.startswith("Mozilla/") or "Sec-Fetch-Mode" in request.headers
    return accepted in ("", "*/*") and not looks_like_browser
