"""`expt view`: the page and its JSON from the loopback interface, for whoever has the token.

    request ─► guard ─► route ─► facts

    /                                  the page
    /api/runs?where=…&since=…&limit=…  what `expt show --json` prints
    /api/table                         the same by columns, for the page; of very many runs
                                       first the newest
    /api/runs/ID                       one run in full
    /api/runs/ID/series/NAME           ?points=N&from=…&to=…
    /api/runs/ID/array/NAME?index=N    an array as numbers
    /api/runs/ID/files/PATH            a picture or a video of the archive
    /api/runs/ID/labels                POST: tags and note, the one thing that is written
    /api/events                        server-sent: what changed

Nothing is executed on reading. Files come from inside an archive alone, and never as anything that
a browser would run.
"""

from __future__ import annotations

import contextlib
import html
import json
import math
import re
import secrets
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from expt.archive.run_labels import change_labels
from expt.ground.errors import ExptError, NoSuchRun, ReadingError
from expt.ground.files import open_inside
from expt.ground.processes import without_collection
from expt.ground.value_classes import evolve
from expt.page.bundle import asset, charts, front_end
from expt.page.facts import tell_array, tell_live, tell_run, tell_series
from expt.page.guard import HEADERS, Guard
from expt.page.known_runs import KnownRuns
from expt.page.open_series import OpenSeries
from expt.page.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from starlette.requests import Request

    from expt.archive.run_labels import Labels
    from expt.reading.listed import Listing
    from expt.reading.run import Run
    from expt.reading.runs import Runs
    from expt.reading.series.tracked import Series, SeriesMap

_TYPES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
}
_MOST_POINTS: Final = 1_000_000
_LABELS: Final = 64 * 1024  # bytes of what is posted
_STREAMS: Final = 4  # pages that listen all the time: a browser has six connections to a server
_AGAIN: Final = 1500  # milliseconds after which any other page asks again
_GOLDEN: Final = 0.618034  # multiples of it lie far from each other within one, however many
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en" data-moment="{moment}">
<head>
<meta charset="utf-8">
<title>expt</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<link rel="preload" href="{table}" as="fetch" crossorigin>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<div id="page"></div>
<script src="/expt.js"></script>
</body>
</html>
"""


class Served(NamedTuple):
    """The application, the token that it wants, what is set once it has runs to show, what loads
    the rest that its first answers need, to be awaited while nobody waits for one, and what ends
    the answers of pages that listen, which end by nothing else."""

    app: Guard
    token: str
    ready: threading.Event
    load: Callable[[], Awaitable[None]]
    end: Callable[[], None]


def make_app(
    find: Callable[[Mapping[str, str]], Runs],
    listings: Callable[[Mapping[str, str]], Iterator[Listing]],
    load: Callable[[str], Run],
    root: Path,
    *,
    port: int,
    words: Sequence[str] = (),
    admits: Callable[[Run], bool] = lambda _: True,
    panels: Callable[[Run], Iterable[Any]] = lambda _: (),
    token: str | None = None,
) -> Served:
    """What shows runs to browsers.

    `find` gives the runs that a query such as `{"where": "lr < 0.1"}` asks for, whose names are
    `words`, `listings` the same by columns, of very many the newest first; `load` gives one by its
    id; all raise `ExptError`. `admits` says of a run that is new whether the page shows it,
    `panels` what plugins add to one.
    """
    token = token or secrets.token_urlsafe(24)
    pages = _Pages(find, listings, load, root, words, admits, panels)
    threading.Thread(target=pages.prepare, daemon=True).start()
    routes = [
        Route("/", pages.index),
        Route("/style.css", _text(lambda: asset("style.css"), "text/css")),
        Route("/expt.js", _text(front_end, "text/javascript")),
        Route("/plotly.js", _text(charts, "text/javascript")),
        Route("/api/runs", pages.runs),
        Route("/api/table", pages.table),
        Route("/api/events", pages.events),
        Route("/api/runs/{id}", pages.run),
        Route("/api/runs/{id}/series/{name:path}", pages.series),
        Route("/api/runs/{id}/array/{name:path}", pages.array),
        Route("/api/runs/{id}/files/{name:path}", pages.file),
        Route("/api/runs/{id}/labels", pages.labels, methods=["POST"]),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _tell_http,
            ExptError: _tell_error,
            OSError: _tell_system,
        },
    )
    app.router.redirect_slashes = False
    return Served(Guard(app, token, port), token, pages.known.ready, _load, pages.end)


class _Pages:
    """The routes, and what they share: where runs are found, and who watches them."""

    def __init__(
        self,
        find: Callable[[Mapping[str, str]], Runs],
        listings: Callable[[Mapping[str, str]], Iterator[Listing]],
        load: Callable[[str], Run],
        root: Path,
        words: Sequence[str],
        admits: Callable[[Run], bool],
        panels: Callable[[Run], Iterable[Any]],
    ) -> None:
        self._find = find
        self._load = load
        self._words = words
        self._panels = panels
        self.known = KnownRuns(listings, root)
        self._watcher = Watcher(root, admits, self.known.just_seen)
        self._event: tuple[Any, str] = None, ": still\n\n"
        self._opened = 0
        self._series = OpenSeries()

    def prepare(self) -> None:
        """Make the table before anybody asks for it, where it is not as it was."""
        with contextlib.suppress(ExptError, OSError):
            self.known.table({})

    async def index(self, request: Request) -> Response:
        query = request.url.query
        table = html.escape(f"/api/table?known=1{'&' if query else ''}{query}")
        self._opened += 1
        page = _PAGE.format(table=table, moment=round(self._opened * _GOLDEN % 1, 3))
        return Response(page, media_type="text/html", headers=HEADERS)

    async def runs(self, request: Request) -> Response:
        asked = _asked(request, *self._words)

        def tell() -> Response:
            with without_collection():
                return _json([run.outline() for run in self._find(asked)])

        return await run_in_threadpool(tell)

    async def table(self, request: Request) -> Response:
        asked = _asked(request, *self._words, "known")
        known = asked.pop("known", "")
        as_known, begun = known in ("1", "whole"), known == "1"
        text = await run_in_threadpool(
            lambda: self.known.table(asked, as_known=as_known, begun=begun)
        )
        return _answer(text)

    async def run(self, request: Request) -> Response:
        live = "live" in _asked(request, "live")
        run = await self._run_of(request)
        return await run_in_threadpool(
            lambda: _json(tell_live(run) if live else tell_run(run, self._panels(run)))
        )

    async def series(self, request: Request) -> Response:
        asked = _asked(request, "points", "from", "to")
        points = min(_MOST_POINTS, max(2, _whole(asked.get("points"), 2000)))
        first, end = _number(asked.get("from")), _number(asked.get("to"))
        tell = partial(tell_series, points=points, first=first, end=end)
        return await self._tell_of_series(request, (points, first, end), tell)

    async def array(self, request: Request) -> Response:
        asked = _asked(request, "index")
        index = _whole(asked.get("index"), -1)

        def tell(series: Series) -> Any:
            if series.kind != "array" or not -len(series) <= index < len(series):
                raise HTTPException(404, f"the series has no array {index}")
            return tell_array(series.values[index])

        return await self._tell_of_series(request, (index,), tell)

    async def _tell_of_series(
        self, request: Request, asked: tuple[float | None, ...], tell: Callable[[Series], Any]
    ) -> Response:
        run, name = await self._run_of(request), request.path_params["name"]

        def answer(there: SeriesMap) -> bytes:
            series = there.get(name)
            if series is None:
                raise HTTPException(404, f"the run has no series '{name}'")
            return _dump(tell(series))

        moment, question = self._watcher.moment_of(run.id), (name, asked)
        return _answer(await run_in_threadpool(self._series.tell, run, moment, question, answer))

    async def file(self, request: Request) -> Response:
        _asked(request)
        run, name = await self._run_of(request), request.path_params["name"]
        media = _TYPES.get(Path(name).suffix.lower())
        if media is None:
            raise HTTPException(404, "only pictures and videos are sent")
        try:
            opened = await run_in_threadpool(open_inside, run.path, name)
        except (OSError, ValueError):
            raise HTTPException(404, f"the archive has no file '{name}'") from None
        with opened:
            content = await run_in_threadpool(opened.read)
        headers = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}
        return Response(content, media_type=media, headers=headers)

    async def labels(self, request: Request) -> Response:
        _asked(request)
        run = await self._run_of(request)
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise HTTPException(415, "labels are JSON")
        body = await request.body()
        if len(body) > _LABELS:
            raise HTTPException(413, "these labels are too long")
        try:
            asked = json.loads(body)
            tags = [str(tag) for tag in asked["tags"]] if "tags" in asked else None
            note = str(asked["note"]) if asked.get("note") is not None else None
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise HTTPException(400, "labels are {'tags': […], 'note': …}") from None

        def change(labels: Labels) -> Labels:
            if tags is not None:
                gone = [tag for tag in run.tags if tag not in tags]
                labels = labels.without_tags(gone).with_tags(tags)
            if note is not None:
                labels = evolve(labels, note=note)
            return labels

        def write() -> Run:
            change_labels(run.path, change)
            return run.reload()

        changed = await run_in_threadpool(write)
        self._watcher.tell(changed)
        return _json(changed.outline())

    def end(self) -> None:
        """Nothing is told any more."""
        self._watcher.end()

    async def events(self, request: Request) -> Response:
        version = _asked(request, "table").get("table")
        since = None if version is None else self.known.stamps_of(_whole(version, 0))
        if self._watcher.pages >= _STREAMS:  # its browser comes again by itself
            changes = self._watcher.told_since(_whole(request.headers.get("last-event-id"), 2**40))
            if changes is None:
                changes = [await self._watcher.tell_since(since)]
            text = "".join([f"retry: {_AGAIN}\n", *map(self._tell, changes)]) + "\n"
            return Response(text, media_type="text/event-stream", headers=HEADERS)

        async def stream() -> AsyncIterator[str]:
            yield ": here\n\n"
            is_first = True
            async for change in self._watcher.changes(since):
                if is_first and change and change["runs"]:  # for the page that comes next
                    threading.Thread(target=self.prepare, daemon=True).start()
                is_first = False
                if await request.is_disconnected():
                    return
                yield self._tell(change)

        return StreamingResponse(stream(), media_type="text/event-stream", headers=HEADERS)

    def _tell(self, change: dict[str, Any] | None) -> str:
        """A change as an event, the text of which is made once for all pages."""
        if change is not self._event[0]:
            data = json.dumps(change, allow_nan=False) if change else ""
            text = f"id: {change['look']}\ndata: {data}\n\n" if change else ": still\n\n"
            self._event = change, text
        return self._event[1]

    async def _run_of(self, request: Request) -> Run:
        name = request.path_params["id"]
        try:
            return await run_in_threadpool(self.known.run, name, self._load)
        except NoSuchRun as error:
            raise HTTPException(404, error.what) from None


async def _load() -> None:
    def load() -> None:
        front_end()
        import expt.reading.series.tracked  # noqa: F401

    await run_in_threadpool(load)  # the first time this loads most of anyio


def _text(make: Callable[[], str], media: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        text = await run_in_threadpool(make)
        return Response(text, media_type=media, headers=HEADERS)

    return answer


def _json(value: Any) -> Response:
    return _answer(_dump(value))


def _dump(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


def _answer(text: bytes) -> Response:
    return Response(text, media_type="application/json", headers=HEADERS)


def _asked(request: Request, *names: str) -> dict[str, str]:
    """What a query asks for, of `names` and nothing else."""
    asked = {name: text for name, text in request.query_params.items() if name != "token"}
    for name in asked:
        if name not in names:
            known = ", ".join(names) or "none"
            raise HTTPException(400, f"there is no '{name}' to ask for here: {known}")
    return asked


def _number(text: str | None) -> float | None:
    try:
        number = None if text is None else float(text)
    except ValueError:
        number = math.nan
    if number is not None and math.isnan(number):
        raise HTTPException(400, f"'{text}' is no number")
    return number


def _whole(text: str | None, default: int) -> int:
    if text is not None and not re.fullmatch(r"-?[0-9]{1,15}", text):
        raise HTTPException(400, f"'{text}' is no whole number")
    return default if text is None else int(text)


async def _tell_http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code, headers=HEADERS)


async def _tell_system(_: Request, error: Exception) -> Response:
    """A place that may not be written, or a file that vanished while it was read."""
    if not isinstance(error, OSError):
        raise error
    told = {"error": f"{error.strerror or error}: {error.filename or 'the archive'}"}
    return JSONResponse(told, 500, headers=HEADERS)


async def _tell_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, ExptError):
        raise error
    status = 500 if isinstance(error, ReadingError) and not isinstance(error, NoSuchRun) else 400
    return JSONResponse({"error": error.what, "hint": error.hint}, status, headers=HEADERS)
