"""What every refusal must look like."""

from werkzeug.test import TestResponse

MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


def code_of(answer: TestResponse) -> str:
    """The code of a complete problem document."""
    assert 400 <= answer.status_code < 500, answer.get_data(as_text=True)
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()
    assert set(problem) >= MEMBERS
    assert problem["status"] == answer.status_code
    assert problem["type"].endswith(f"/problems/{problem['code']}")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    return str(problem["code"])


def errors_of(answer: TestResponse) -> dict[str, list[str]]:
    """The sentences of a refused body, by field."""
    assert code_of(answer) == "validation_failed"
    errors: dict[str, list[str]] = answer.get_json()["errors"]
    assert errors
    assert all(sentences and all(sentence[-1] in ".?!" for sentence in sentences) for sentences in errors.values())
    return errors
