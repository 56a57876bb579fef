"""`expt report`: the page as one file, which opens from disk with no network, now and in ten years.

    page.html = front end + plotly and data (gzip, base64; the browser unpacks them itself)

The same runs give the same bytes. Nothing in the file names an address: its security policy
forbids it to load anything, and allows the two scripts that it holds by their digests.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ReadingError
from expt.ground.files import read_inside, written_whole
from expt.page.bundle import asset, charts, digest, front_end
from expt.page.facts import tell_array, tell_run, tell_series
from expt.page.run_table import tell_table
from expt.reading.listed import list_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from expt.reading.run import Run

    Panels = Callable[[Run], Iterable[Any]]

POINTS: Final = 300  # of a curve
CURVES: Final = 200  # runs whose series, pictures and code are in the file
_MEDIA: Final = 8 * 1024 * 1024  # bytes of pictures in one file
_FRAMES: Final = 12  # entries of one series of pictures, from the first to the last
_SIDE: Final = 96  # rows and columns of an array

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<style>{style}</style>
</head>
<body>
<div id="page"></div>
<script type="application/octet-stream" id="data">{data}</script>
<script type="application/octet-stream" id="charts">{charts}</script>
<script>{front_end}</script>
</body>
</html>
"""


def write_report(
    runs: Sequence[Run], file: Path, title: str = "expt report", panels: Panels = lambda _: ()
) -> None:
    """Write the page of `runs`, the newest `CURVES` of them with all that they hold.

    `panels` are what plugins add to a run. Raises `UsageError` where the extra `page` is not
    installed, `OSError`.
    """
    text = make_report(runs, title, panels)
    with written_whole(file) as stream:
        stream.write(text.encode())


def make_report(
    runs: Sequence[Run], title: str = "expt report", panels: Panels = lambda _: ()
) -> str:
    """The text of the file."""
    style, script, plotly = asset("style.css"), _inline(front_end()), charts()
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {digest(script)} {digest(plotly)}",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "media-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return _PAGE.format(
        title=html.escape(title),
        policy=html.escape(policy, quote=True),
        style=style,
        data=_pack(json.dumps(gather(runs, panels), allow_nan=False)),
        charts=_pack(plotly),
        front_end=script,
    )


def _pack(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


def gather(runs: Sequence[Run], panels: Panels = lambda _: ()) -> dict[str, Any]:
    """All that the front end may ask for: the table, and of the newest runs everything."""
    whole = list(runs)[:CURVES]
    left = _MEDIA
    table = tell_table(list_of(runs))
    told: dict[str, Any] = {"table": table, "runs": {}, "series": {}, "files": {}}
    for run in whole:
        try:
            found = tell_run(run, panels(run))
        except ReadingError as error:
            told["runs"][run.id] = {"damaged": error.what}
            continue
        told["runs"][run.id] = found
        told["series"][run.id] = _tell_every_series(run, found["damage"])
        files, left = _take_files(run, told["series"][run.id], left)
        for panel in told["runs"][run.id]["panels"]:
            if "picture" in panel and (content := read_inside(run.path, panel["picture"], left)):
                left = max(0, left - len(content))
                files[panel["picture"]] = base64.b64encode(content).decode()
        told["files"][run.id] = files
    told["cut"] = _tell_cut(len(runs), len(whole), full=left <= 0)
    return told


def _tell_every_series(run: Run, damage: dict[str, str]) -> dict[str, Any]:
    """What each series is told as; one that cannot be read is named in `damage`."""
    told = {}
    try:
        for name, series in run.series.items():
            try:
                told[name] = _spread(tell_series(series, POINTS))
            except ReadingError as error:
                damage[f"series {name}"] = error.what
    except ReadingError as error:
        damage["series"] = error.what
    return told


def _tell_cut(count: int, whole: int, *, full: bool) -> str:
    """What the file does not hold, in a sentence; nothing where it holds all."""
    parts = []
    if whole < count:
        parts.append(f"the newest {whole} of {count} runs are here whole")
    if full:
        parts.append(f"pictures end at {_MEDIA // 1024**2} MB")
    return "; ".join(parts)


def _spread(told: dict[str, Any]) -> dict[str, Any]:
    """A series with few of its pictures, evenly from the first to the last; else as it is.

    `places` says which entries they are.
    """
    count = len(told.get("files", ()))
    if count <= _FRAMES:
        return told
    places = [round(i * (count - 1) / (_FRAMES - 1)) for i in range(_FRAMES)]
    lists = {key: [told[key][i] for i in places] for key in ("files", "steps", "times")}
    return told | lists | {"places": places}


def _take_files(run: Run, series: dict[str, Any], left: int) -> tuple[dict[str, Any], int]:
    """The pictures of a run as base64, arrays as pixels, while there is room; and what is left."""
    found: dict[str, Any] = {}
    for name, told in series.items():
        for at, file in enumerate(told.get("files", ())):
            place = told["places"][at] if "places" in told else at
            try:
                if told["kind"] == "array":
                    found[file] = tell_array(run.series[name].values[place], _SIDE)
                    left -= len(found[file]["pixels"])
                elif content := read_inside(run.path, file, left):
                    left -= len(content)
                    found[file] = base64.b64encode(content).decode()
            except (ReadingError, ValueError, TypeError):
                continue  # damaged, no number, or larger than what is left
            if left <= 0:
                return found, 0
    return found, left


def _inline(script: str) -> str:
    """A script that may stand between tags: what would end or confuse them is escaped."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
