"""Features written as plugins, on the same hooks that everybody gets.

Which of them take part in which process is decided here; each is made with what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from expt.ground.options import Options


def parent_plugins(options: Options, stream: TextIO) -> dict[str, Any]:
    """The plugins of the process that draws the screen on `stream`, by name."""
    from expt.terminal.plugin import Terminal

    plugins: dict[str, Any] = {"terminal": Terminal(stream, options)}
    if "notify" in options.configuration:
        from expt.plugins.notify import Notify

        plugins["notify"] = Notify(stream, options)
    return {**plugins, **file_plugins(options, stream)}


def file_plugins(options: Options, stream: TextIO | None = None) -> dict[str, Any]:
    """The plugins that write files of a session, and say so on `stream`, by name."""
    plugins: dict[str, Any] = {}
    if options.configuration.get("mirror"):
        from expt.plugins.mirror import Mirror

        plugins["mirror"] = Mirror(stream, options)
    if options.telling.junit is not None:
        from expt.plugins.junit import JUnit

        plugins["junit"] = JUnit(options.telling.junit)
    if options.keeping.report is not None:
        from expt.plugins.page_report import PageReport

        plugins["report"] = PageReport(stream, options.keeping.report)
    return plugins


def worker_plugins(options: Options) -> dict[str, Any]:
    """The plugins of a process that draws, by name; one that only runs has none."""
    from expt.rendering.script import Script

    plugins: dict[str, Any] = {"script": Script()}
    if options.keeping.render:
        from expt.rendering.plots import Plots
        from expt.rendering.videos import Videos

        plugins |= {
            "plots": Plots(options.configuration.get("plots", {}).get("style", "light")),
            "videos": Videos(),
        }
    return plugins
