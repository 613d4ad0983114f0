"""The drawing in docs/architecture.md, made from what the code imports: GitHub renders it (Mermaid)."""

import re
from pathlib import Path

from tests.house.laws import MAY_IMPORT, block_that_runs
from tests.house.sources import imports, sources

FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOLDERS = ("commands", "resources", "flows", "services", "migrations", "servers")
"""Drawn with their slash; the others are single files."""
Edges = dict[str, set[str]]


def edges(folder: Path) -> Edges:
    """What of ours each storey imports; not what `app.py` imports only when it is run."""
    found: Edges = {name: set() for name in MAY_IMPORT}
    for source in sources(folder):
        late = block_that_runs(source) if source.path == "app.py" else set()
        found[source.storey] |= {one.top for one in imports(source) if one.top in MAY_IMPORT and one.node not in late}
    return {name: targets - {name} for name, targets in found.items()}


def reduced(whole: Edges) -> Edges:
    """Without the arrows that a longer way tells too, so that the order can be seen."""
    return {
        name: {target for target in targets if not any(target in _below(whole, other) for other in targets - {target})}
        for name, targets in whole.items()
    }


def _below(whole: Edges, name: str) -> set[str]:
    """Everything that a storey rests on."""
    return whole[name].union(*(_below(whole, target) for target in whole[name]))


def drawn(folder: Path) -> str:
    """The text of the drawing; raises RecursionError where imports go in a circle."""
    arrows = reduced(edges(folder))
    boxes = [f'    {name}["{name}{"/" if name in FOLDERS else ".py"}"]' for name in sorted(arrows)]
    lines = [f"    {name} --> {target}" for name in sorted(arrows) for target in sorted(arrows[name])]
    return "\n".join(["graph TD", *boxes, *lines]) + "\n"


def shown(page: str) -> list[str]:
    """The drawings of a page."""
    return FENCE.findall(page)
