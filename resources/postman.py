"""The Postman collection (format 2.1) and its environment, made from the OpenAPI document along `postman_walk`."""

import json
from collections.abc import Iterator
from typing import Any

from resources import postman_scripts
from resources.postman_walk import SECRET, VARIABLES, WALK, Step

FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
ABOUT = """\
Choose the environment, and run the folders in their order, or press Send from request to request: scripts keep the tokens,
and read mailed links and codes from the development mailbox. Each run signs somebody new up. The request limits that
`./dev run` writes into `.env` leave room for it. Tokens travel in the Authorization header (`JWT_TOKEN_LOCATION=headers`).
"""
REST = "Everything else"
"""The folder of the calls that are in no story."""
Operation = dict[str, Any]


def collection(document: dict[str, Any]) -> dict[str, Any]:
    """Every call of the document: those of the walk in its order, then the others."""
    calls = {
        operation["operationId"]: operation | {"path": path, "method": method.upper()}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    folders = {name: [_item(step, calls[step.call]) for step in steps] for name, steps in WALK.items()}
    told = {step.call for steps in WALK.values() for step in steps}
    folders[REST] = [_item(_plain(call), call) for name, call in calls.items() if name not in told]
    return {
        "info": {"name": document["info"]["title"], "description": ABOUT, "schema": FORMAT},
        "auth": _bearer("access_token"),
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def environment(title: str, base_url: str) -> dict[str, Any]:
    """The variables that the collection reads and keeps."""
    values = VARIABLES | {"base_url": base_url}
    return {
        "name": title,
        "values": [
            {"key": key, "value": value, "type": "secret" if key.endswith(SECRET) else "default", "enabled": True}
            for key, value in values.items()
        ],
        "_postman_variable_scope": "environment",
    }


def _plain(call: Operation) -> Step:
    """Whatever the document promises of a call without a body: an answer, or that there is none here."""
    statuses = map(int, call["responses"])
    return Step(call["summary"], call["operationId"], tuple(status for status in statuses if status < 400 or status == 404))


def _item(step: Step, call: Operation) -> dict[str, Any]:
    scripts = {"prerequest": postman_scripts.before(step), "test": postman_scripts.after(step)}
    return {
        "name": step.name,
        "request": _request(step, call),
        "event": [
            {"listen": moment, "script": {"type": "text/javascript", "exec": text.splitlines()}}
            for moment, text in scripts.items()
            if text
        ],
        "protocolProfileBehavior": {"followRedirects": False},
    }


def _request(step: Step, call: Operation) -> dict[str, Any]:
    asked = {
        "method": call["method"],
        "description": call["description"],
        "header": [{"key": "Accept", "value": "application/json"}],
        "url": _url(step, call),
        "auth": _auth(step, call),
    }
    body = step.body
    if body is not None:
        asked["header"].append({"key": "Content-Type", "value": "application/json"})
        asked["body"] = {"mode": "raw", "raw": json.dumps(body, indent=4), "options": {"raw": {"language": "json"}}}
    return {key: value for key, value in asked.items() if value is not None}


def _url(step: Step, call: Operation) -> dict[str, Any]:
    parts = [part.replace("{", ":").replace("}", "") for part in call["path"].strip("/").split("/")]
    values = dict(_examples(call)) | step.path
    return {
        "raw": "{{base_url}}/" + "/".join(parts),
        "host": ["{{base_url}}"],
        "path": parts,
        "variable": [{"key": part[1:], "value": values[part[1:]]} for part in parts if part.startswith(":")],
    }


def _examples(call: Operation) -> Iterator[tuple[str, str]]:
    for parameter in call.get("parameters", ()):
        if parameter["in"] == "path":
            yield parameter["name"], parameter.get("example", "")


def _auth(step: Step, call: Operation) -> dict[str, Any] | None:
    """None: the collection's own."""
    wanted = call["security"]
    if step.token:
        return _bearer(step.token)
    return {"type": "noauth"} if {} in wanted or not wanted else None


def _bearer(variable: str) -> dict[str, Any]:
    return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}]}
