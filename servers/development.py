"""The development server: one process, and with `--debug` made anew when a file changes."""

import atexit
import os
import signal
import sys
from types import FrameType

from werkzeug.serving import WSGIRequestHandler, run_simple

import jobs
from app import create_app
from config import Settings
from servers import work


def run(settings: Settings, *, debug: bool) -> None:
    """Serves until it is told to stop."""
    signal.signal(signal.SIGTERM, _leave)
    app = create_app(settings)
    if not debug or os.environ.get("WERKZEUG_RUN_MAIN"):
        work.bring_up(app)
        _announce(settings)
        atexit.register(jobs.stop, app, jobs.start(app))
    run_simple(
        settings.host, settings.port, app, use_reloader=debug, use_debugger=False, threaded=True, request_handler=_QuietHandler
    )


class _QuietHandler(WSGIRequestHandler):
    """Werkzeug's own line shows the whole path, and a path may hold a link's secret; the app logs each request."""

    def version_string(self) -> str:
        """Without the versions of Werkzeug and Python."""
        return "latchkey"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _announce(settings: Settings) -> None:
    base = settings.address
    print(f"\n  API      {base}")
    if settings.api_docs:
        print(f"  Docs     {base}/docs")
    print(f"  App      {base}/app")
    print(f"  Mailbox  {base}/dev/mailbox" if settings.uses_mailbox else f"  Mail     by {settings.mail_server}")
    print("\nStop with Ctrl+C.\n", flush=True)
