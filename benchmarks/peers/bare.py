"""Bare Flask: one route that answers a small constant document."""

from flask import Flask

app = Flask(__name__)


@app.get("/bare")
def bare() -> dict[str, str]:
    return {"id": "0b6f5a0e", "username": "ada", "email": "ada@example.org"}
