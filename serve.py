"""`python app.py`: migrates, then serves by the development server or by gunicorn."""

import atexit
import logging
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from werkzeug.serving import WSGIRequestHandler, run_simple

import envfile
import jobs
import schema
from app import create_app, settings_or_exit
from config import ROOT, Settings
from environment import environment
from services import metrics

GRACE_SECONDS = 30
log = logging.getLogger("latchkey")


def main(arguments: list[str]) -> int:
    """Serves until it is told to stop; returns the exit status. `--debug`: reloads when a file changes, logs at DEBUG."""
    debug = "--debug" in arguments
    if debug:
        os.environ["LOG_LEVEL"] = "DEBUG"
    if environment().get("FLASK_ENV") == "development" and (replaced := envfile.freshen(ROOT / ".env")):
        print(f"Fresh secrets were written to .env: {', '.join(replaced)}.")
    settings = settings_or_exit()
    if settings.development:
        _develop(settings, debug)
    else:
        _migrate(settings)
        metrics.share(settings.web_concurrency)
        _Production(settings).run()
    return 0


def _migrate(settings: Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        schema.bring_up()


class _QuietHandler(WSGIRequestHandler):
    """Werkzeug's own line shows the whole path, and a path may hold a link's secret; the app logs each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def _develop(settings: Settings, debug: bool) -> None:
    signal.signal(signal.SIGTERM, _leave)
    if not debug or os.environ.get("WERKZEUG_RUN_MAIN"):
        _migrate(settings)
    app = create_app(settings)
    if not debug or os.environ.get("WERKZEUG_RUN_MAIN"):
        _announce(settings)
        _start_jobs(app)
    run_simple(
        settings.host, settings.port, app, use_reloader=debug, use_debugger=False, threaded=True, request_handler=_QuietHandler
    )


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _announce(settings: Settings) -> None:
    base = settings.address
    print(f"\n  API      {base}\n  Docs     {base}/docs")
    print(f"  App      {base}/app")
    print(f"  Mailbox  {base}/dev/mailbox" if settings.uses_mailbox else f"  Mail     by {settings.mail_server}")
    print("\nStop with Ctrl+C.\n", flush=True)


def _start_jobs(app: Flask) -> None:
    scheduler = jobs.start(app)
    atexit.register(jobs.stop, app, scheduler)


class _Production(BaseApplication):
    """gunicorn with threads, embedded: the app is made in each worker, and the jobs start after the fork."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's own settings, from ours."""
        chosen: dict[str, Any] = {
            "bind": f"{self.settings.host}:{self.settings.port}",
            "worker_class": "gthread",
            "workers": self.settings.web_concurrency,
            "threads": self.settings.web_threads,
            "timeout": 60,
            "graceful_timeout": GRACE_SECONDS,
            # Else a client on loopback could set the scheme.
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
            "proc_name": "latchkey",
            "post_worker_init": self._after_fork,
            "worker_exit": self._before_exit,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """Only a worker makes the app."""
        self.flask_app = create_app(self.settings)
        return self.flask_app

    def _after_fork(self, worker: Any) -> None:
        worker.latchkey_jobs = jobs.start(self.flask_app)
        # Requests in flight may end after `worker_exit`.
        atexit.register(jobs.flush_activity, self.flask_app)
        if self.settings.web_concurrency > 1 and self.settings.counts_limits_in_memory:
            log.warning("rate limits are counted in each of %d workers by itself", self.settings.web_concurrency)

    def _before_exit(self, server: Any, worker: Any) -> None:
        if scheduler := getattr(worker, "latchkey_jobs", None):
            jobs.stop(self.flask_app, scheduler)
