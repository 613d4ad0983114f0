"""What the service counts for Prometheus. No label holds a person's data or a path: rules, codes and names of ours only."""

import atexit
import os
import tempfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

from services import numbers
from services.numbers import Numbers, Series

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
PLACE = "LATCHKEY_NUMBERS"
"""Where the server tells its workers, forked or not, which file they share."""
MEMORY = "/dev/shm"  # noqa: S108 - a file of our own is made there, with a name that nobody can know before


@dataclass(frozen=True, slots=True)
class Metric:
    """`gauge`: its value in all processes that live; `reading`: taken at the moment of the question; `latest`: the greatest."""

    kind: Literal["counter", "gauge", "histogram", "latest", "reading"]
    labels: tuple[str, ...]
    meaning: str


METRICS = {
    "latchkey_requests_total": Metric("counter", ("method", "route", "status"), "Answers, by rule of the route."),
    "latchkey_request_duration_seconds": Metric("histogram", ("method", "route"), "Time from request to answer."),
    "latchkey_refusals_total": Metric("counter", ("code",), "Refusals, by the code of their problem document."),
    "latchkey_sign_ins_total": Metric("counter", ("route", "outcome"), "Sign-ins: success, or the code of the refusal."),
    "latchkey_letters_total": Metric("counter", ("outcome",), "Letters that are done with: sent, void, given_up."),
    "latchkey_outbox_letters": Metric("reading", (), "Letters on their way."),
    "latchkey_outbox_oldest_due_seconds": Metric("reading", (), "How long the letter that is due longest has been due."),
    "latchkey_outbox_oldest_seconds": Metric("reading", (), "Age of the oldest letter on its way."),
    "latchkey_job_runs_total": Metric("counter", ("job", "outcome"), "Runs of scheduled work: done, failed, no_database."),
    "latchkey_job_last_success_timestamp_seconds": Metric("latest", ("job",), "When a run of the job was done last."),
    "latchkey_hashes_running": Metric("gauge", (), "Password hashes that are being made."),
    "latchkey_hashes_waiting": Metric("gauge", (), "Callers who wait for their turn to hash."),
    "latchkey_hashes_refused_total": Metric("counter", (), "Callers sent away because the queue was full, or slow."),
    "latchkey_part_up": Metric("reading", ("part",), "Whether database and Redis answer: 1 or 0."),
    "latchkey_workers": Metric("reading", (), "Worker processes that live and have answered."),
    "latchkey_build_info": Metric("reading", ("version", "python"), "Always 1."),
}
_mine: Numbers | None = None
_lock = Lock()


def share(workers: int) -> None:
    """Called by the server before it starts so many workers: they add up in one file, gone when this process ends."""
    try:
        folder = MEMORY if os.access(MEMORY, os.W_OK) else tempfile.gettempdir()
        handle, path = tempfile.mkstemp(prefix="latchkey-", dir=folder)
        os.close(handle)
        atexit.register(_remove, path, os.getpid())
        numbers.make_room(path, 2 * workers + 2)  # while they are replaced there are twice as many
    except (OSError, AttributeError):
        return  # no room, or no Linux: each worker then tells of itself
    os.environ[PLACE] = path


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner:  # not in a fork
        Path(path).unlink(missing_ok=True)


def add(name: str, *labels: str, by: float = 1) -> None:
    """Counts on."""
    _numbers().add((name, *labels), by)


def observe(name: str, *labels: str, seconds: float) -> None:
    """Counts one more of this length."""
    mine = _numbers()
    bucket = bisect_left(BUCKETS, seconds)
    mine.add((name, *labels, repr(BUCKETS[bucket]) if bucket < len(BUCKETS) else "+Inf"), 1)
    mine.add((name, *labels, "sum"), seconds)


def latest(name: str, *labels: str, value: float) -> None:
    """Remembers the greatest."""
    _numbers().put((name, *labels), value)


def _numbers() -> Numbers:
    """This process's; a fork begins its own."""
    global _mine  # noqa: PLW0603 - one for each process, whatever apps it makes
    if _mine is None or _mine.pid != os.getpid():
        with _lock:
            if _mine is None or _mine.pid != os.getpid():
                _mine = None  # its parent's: closed after ours is claimed, it would take our lock along
                _mine = _claimed()
    return _mine


def _claimed() -> Numbers:
    try:
        mine = Numbers(os.environ.get(PLACE))
    except OSError:
        mine = Numbers(None)  # the server that made the file is gone
    end_what_was_left(mine)
    return mine


def end_what_was_left(mine: Numbers) -> None:
    """What the last owner of this block was doing when it was killed, nobody does any more."""
    for series in mine.at:
        if series[0] in METRICS and METRICS[series[0]].kind == "gauge":
            mine.put(series, 0)


def text(readings: Mapping[Series, float]) -> str:
    """All of it, as Prometheus reads it (text format 0.0.4). `readings`: what whoever calls has just found out."""
    found: dict[str, dict[Series, float]] = defaultdict(dict)
    for (name, *labels), value in _summed().items() | readings.items():
        found[name][tuple(labels)] = value
    lines = []
    for name, metric in METRICS.items():
        kind = metric.kind if metric.kind in ("counter", "histogram") else "gauge"
        lines += [f"# HELP {name} {metric.meaning}", f"# TYPE {name} {kind}"]
        lines += _histogram(name, found[name]) if kind == "histogram" else _plain(name, found[name])
    return "\n".join(lines) + "\n"


def _summed() -> dict[Series, float]:
    total: dict[Series, float] = defaultdict(float)
    mine = _numbers()
    for series, value, lives in mine.every():
        kind = METRICS[series[0]].kind if series[0] in METRICS else ""
        if kind == "latest":
            total[series] = max(total[series], value)
        elif kind and (kind != "gauge" or lives):
            total[series] += value
    return dict(total) | {("latchkey_workers",): float(mine.living())}


def _plain(name: str, found: Mapping[Series, float]) -> Iterator[str]:
    for labels, value in sorted(found.items()):
        yield f"{name}{_labels(METRICS[name].labels, labels)} {value:.15g}"


def _histogram(name: str, found: Mapping[Series, float]) -> Iterator[str]:
    """A bucket has all that are shorter, too."""
    names = METRICS[name].labels
    for labels in sorted({labels[:-1] for labels in found}):
        count = 0.0
        for bound in (*map(repr, BUCKETS), "+Inf"):
            count += found.get((*labels, bound), 0.0)
            yield f"{name}_bucket{_labels((*names, 'le'), (*labels, bound))} {count:.15g}"
        yield f"{name}_sum{_labels(names, labels)} {found.get((*labels, 'sum'), 0.0):.15g}"
        yield f"{name}_count{_labels(names, labels)} {count:.15g}"


def _labels(names: Series, values: Series) -> str:
    pairs = (f'{name}="{value.translate(ESCAPED)}"' for name, value in zip(names, values, strict=True))
    return f"{{{','.join(pairs)}}}" if names else ""
