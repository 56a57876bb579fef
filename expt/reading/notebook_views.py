"""What a notebook shows of a run and of several: HTML in which no text of a user's is markup."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Any, Final

from expt.ground import layout
from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside
from expt.ground.text import value_text, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from expt.reading.recorded import RecordedRun
    from expt.reading.tables import Table

_PICTURES: Final = 4  # of a run without an overview
_LARGEST: Final = 1 << 22  # bytes of a picture


def run_html(run: RecordedRun, drawn: Callable[[], Iterable[Path]]) -> str:
    """What became of it, its results and pictures; its values folded away.

    `drawn` tells the pictures of its series, or raises `DamagedArchive`.
    """
    rows = [("status", run.status), ("started", str(run.started))]
    rows += [("error", run.failure)] if run.failure else []
    rows += [(name, value_text(value)) for name, value in run.results.items()]
    params = [(name, value_text(value)) for name, value in run.params.items()]
    lasts = [(name, value_text(value)) for name, value in run.last.items()]
    pictures = "".join(
        f"<img style='max-width:100%' src='data:image/png;base64,{each}'>"
        for each in _pictures_of(run.path, drawn)
    )
    head = f"<b>{_safe(f'{run.node_id} {run.short_id}')}</b>{_pairs(rows)}"
    return head + pictures + _folded("parameters", params) + _folded("last values", lasts)


def runs_html(table: Table, left_out: int, same: Mapping[str, Any]) -> str:
    """Runs of which so many are left out; what is the same in all is folded away."""
    more = f"<p>… and {left_out} more</p>" if left_out else ""
    told = [(name, value_text(value)) for name, value in same.items()]
    return table._repr_html_() + more + _folded("the same in all", told)


def _pictures_of(archive: Path, drawn: Callable[[], Iterable[Path]]) -> Iterator[str]:
    """The overview, or the first few pictures, in base64."""
    overview = f"{layout.PLOTS_DIR}/{layout.OVERVIEW_FILE}"
    try:
        paths = [path for path in drawn() if path.suffix == ".png"][:_PICTURES]
        for name in (overview, *(path.relative_to(archive).as_posix() for path in paths)):
            content = read_inside(archive, name, _LARGEST)
            if content is not None:
                yield base64.b64encode(content).decode()
            if content is not None and name == overview:
                return
    except DamagedArchive:
        return


def _folded(title: str, rows: list[tuple[str, str]]) -> str:
    return f"<details><summary>{title}</summary>{_pairs(rows)}</details>" if rows else ""


def _pairs(rows: list[tuple[str, str]]) -> str:
    left = "style='text-align:left'"
    cells = (f"<tr><th {left}>{_safe(n)}</th><td {left}>{_safe(v)}</td></tr>" for n, v in rows)
    return f"<table>{''.join(cells)}</table>"


def _safe(text: str) -> str:
    return html.escape(visible(text))
