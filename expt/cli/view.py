"""`expt view`: runs in a browser, from the loopback interface; ends with Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.archive.served_page import told_of_page
from expt.cli.parser import Parser, add_file, repeated
from expt.cli.which_runs import ASKED, add_filters, find_chosen, list_chosen, make_admits
from expt.ground.configuration import find_root, read_configuration
from expt.ground.errors import ExitCode, ReadingError, UsageError
from expt.ground.screen import output
from expt.ground.text import counted, human_size
from expt.plugins.manager import Plugins
from expt.reading.references import find_archive_root, load_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from expt.reading.run import Run
    from expt.reading.runs import Runs

_PORT: Final = 8777
_HOST: Final = "127.0.0.1"
_FIRST: Final = 2000  # runs that are told of while ten times as many or more are still read
_PATIENCE: Final = 5.0  # seconds for the first table: whoever has the address opens it at once


def main(words: list[str]) -> int:
    """Serve until interrupted; the address is alone on a line of stdout."""
    parser = Parser(prog="expt view", description="Look at runs in a browser.")
    add_filters(parser)
    add: Any = parser.add_argument
    add("--port", type=int, metavar="N", help=f"the port, else {_PORT} or the next that is free")
    add("--no-browser", action="store_true", help="print the address and open nothing")
    _add_plugins(parser)
    asked = parser.parse_args(words)
    try:
        import uvicorn  # of the extra 'page'

        from expt.page.server import make_app
    except ModuleNotFoundError as error:
        from expt.page.bundle import missing_extra

        raise missing_extra(str(error.name)) from None
    root = find_archive_root(asked.runs)

    def find(query: Mapping[str, str]) -> Runs:
        return find_chosen(root, asked, query, telling=False)

    listener = _listen(asked.port)
    port = listener.getsockname()[1]
    served = make_app(
        find,
        lambda query: list_chosen(root, asked, query, first=_FIRST),
        lambda name: load_run(name, root),
        root,
        port=port,
        words=ASKED,
        admits=make_admits(root, asked),
        panels=find_panels(asked.plugins),
    )
    address = f"http://{_HOST}:{port}/?token={served.token}"
    config = uvicorn.Config(
        served.app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            await served.load()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            served.end()  # else it waits for pages that listen, and calls them errors
            await super().shutdown(sockets)

    served.ready.wait(_PATIENCE)
    with told_of_page(root, address):
        output().write(f"{address}\n")
        if not asked.no_browser:
            threading.Timer(0.3, webbrowser.open, [address]).start()
        Server(config).run(sockets=[listener])
    return int(ExitCode.OK)


def _add_plugins(parser: Parser) -> None:
    told = "load a plugin, by name or file; no:NAME leaves one out"
    repeated(parser, "--plugin NAME", told, dest="plugins")


def find_panels(named: Sequence[str]) -> Callable[[Run], list[Any]]:
    """What the plugins of the configuration, and those that are `named`, show of a run."""
    configured = read_configuration(find_root([], Path.cwd())).values.get("plugins", ())
    plugins = Plugins({}, [*configured, *named])

    def find(run: Run) -> list[Any]:
        failures: list[str] = []
        shown = plugins.observe("expt_show_run", failures.append, run=run)
        with contextlib.suppress(ReadingError):  # which the page tells of by itself
            for series in run.series.values():
                shown += plugins.observe(
                    "expt_show_series", failures.append, run=run, series=series
                )
        panels = [panel for given in shown if given is not None for panel in given]
        return [*panels, *({"title": "a plugin failed", "text": text} for text in failures)]

    return find


def _listen(port: int | None) -> socket.socket:
    """A socket on the loopback interface: on `port`, else on the usual one or any that is free."""
    for candidate in [port] if port is not None else [_PORT, 0]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, candidate))
            listener.listen()  # whoever comes before the server does waits for it
        except (OSError, OverflowError) as error:
            listener.close()
            refused = error
            continue
        return listener
    raise UsageError(f"port {port} cannot be listened on: {refused}", "--port", "0 takes any")


def report(words: list[str]) -> int:
    """Write the page of the chosen runs into one file."""
    parser = Parser(prog="expt report", description="The page of runs, frozen in one file.")
    add_filters(parser)
    add: Any = parser.add_argument
    add_file(parser, "FILE.html")
    add("--title", default="expt report", help="the title of the page")
    _add_plugins(parser)
    asked = parser.parse_args(words)
    from expt.page.frozen import write_report  # numpy is slow to import

    root = find_archive_root(asked.runs)
    runs = find_chosen(root, asked, {})
    write_report(list(runs), asked.file, asked.title, find_panels(asked.plugins))
    size = asked.file.stat().st_size
    output().line(str(asked.file), f"  {counted(len(runs), 'run')}, {human_size(size)}")
    return int(ExitCode.OK)
