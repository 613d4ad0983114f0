"""`python app.py`: the development server, or the production server that `SERVER` names; the others are not even imported."""

import os

import envfile
from config import ROOT
from environment import environment_or_exit, load_or_exit
from services import metrics


def main(arguments: list[str]) -> int:
    """Serves until it is told to stop; returns the exit status. `--debug`: reloads when a file changes, logs at DEBUG."""
    debug = "--debug" in arguments
    if debug:
        os.environ["LOG_LEVEL"] = "DEBUG"
    if environment_or_exit().get("FLASK_ENV") == "development" and (replaced := envfile.freshen(ROOT / ".env")):
        print(f"Fresh secrets were written to .env: {', '.join(replaced)}.")
    settings = load_or_exit()
    if settings.development:
        from servers import development

        development.run(settings, debug=debug)
        return 0
    metrics.share(settings.workers)
    if settings.server == "granian":
        from servers import granian

        granian.run(settings)
    else:
        from servers import gunicorn

        gunicorn.run(settings)
    return 0
