"""A real browser for the tests of the page: the system's Chromium, driven by playwright.

Debian's headless shell is the same engine without a browser's windows, and a fifth cheaper.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.testing import Sandbox

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)
PATIENCE = 60_000  # milliseconds that a machine which is busy may take
WITHOUT = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    *("AimEnabled", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose"),
    *("HttpsUpgrades", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints"),
    *("PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning"),
)
"""Pages of the browser's own, which it opens beside each window and which cost more than ours; and
what playwright leaves out, whose list this one replaces."""

POSITIONS = "--no-enable-lazy-source-positions"
"""Who listens to a page, as playwright does, is told the line of each error, and plotly throws and
catches some while it is loaded: to know the lines all of it would be parsed three times more."""

FORGET = """async () => {
    document.activeElement.blur();
    const heard = new Promise((done) => addEventListener("hashchange", done, {once: true}));
    location.hash = "nothing";
    await heard;
    history.replaceState(null, "", location.pathname);
}"""
"""The page forgets what is chosen, also what it would have written into its address later."""

VIEWPORT = {"width": 1280, "height": 800}

UNTIL = f"""(async () => {{
    const end = performance.now() + {PATIENCE};
    while (!(%s)) {{
        if (performance.now() > end) return false;
        await new Promise((done) => setTimeout(done, 50));
    }}
    return true;
}})()"""
"""The page looks by itself: each question from here costs four processes more than it does."""


def why_not() -> str | None:
    """Why there can be no browser here, or None."""
    missing = [name for name in ("playwright", "starlette") if find_spec(name) is None]
    if missing:
        return f"{missing[0]!r} is not installed"
    return None if CHROMIUM else "there is no chromium"


class Browser:
    """Chromium: launched when its first tab is opened, and again where it had to be killed.

    Few calls of playwright have a limit; all of them end when the browser does.
    """

    def __init__(self, play: Any) -> None:
        self._play = play
        self._mark = f"--of-tests={uuid4().hex}"
        self._launched: Any = None

    def new_context(self, **settings: Any) -> Any:
        if self._launched is None or not self._launched.is_connected():
            self._launched = self._play.chromium.launch(
                executable_path=CHROMIUM,
                args=[
                    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                    *(f"--disable-features={','.join(WITHOUT)}", f"--js-flags={POSITIONS}"),
                    self._mark,
                ],
            )
        return self._launched.new_context(**settings)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What takes longer ends, as the browser does."""
        timer = threading.Timer(seconds, self._kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _kill(self) -> None:
        for told in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if self._mark.encode() in told.read_bytes():
                    os.kill(int(told.parent.name), signal.SIGKILL)

    def close(self) -> None:
        if self._launched is not None:
            with self.within(PATIENCE / 1000):
                self._launched.close()


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play, contextlib.closing(Browser(play)) as browser:
        yield browser


@contextlib.contextmanager
def serve(project: Sandbox) -> Iterator[str]:
    """The address of `expt view` on the runs of a project."""
    process = project.start("view", "--no-browser", "--port", "0")
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        try:
            sys.stderr.write(process.communicate(timeout=60)[1])
        finally:
            process.kill()


class Tab:
    """One tab, for as many pages as are opened in it, and all that its console and network said."""

    def __init__(self, browser: Browser, address: str, *, offline: bool = False) -> None:
        self.context = browser.new_context(viewport=VIEWPORT, offline=offline)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        page, say = self.page, self.complaints.append
        page.on("console", lambda message: say(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: say(f"error: {error}"))
        page.on("requestfailed", lambda request: self._note_failure(request))
        page.on("dialog", lambda dialog: say(f"dialog: {dialog.message}"))
        self.go(address)

    @property
    def is_open(self) -> bool:
        """Whether its browser lives."""
        return not self.page.is_closed()

    def go(self, address: str) -> None:
        self.address = address
        self.page.goto(address)
        self.wait("html[data-ready]")

    def leave(self) -> None:
        """No page is open any more: that which was may lose its server."""
        self.address = "about:blank"
        self.page.goto(self.address)

    def reload(self) -> None:
        self.page.reload()
        self.wait("html[data-ready]")

    def forget(self) -> None:
        """The page as it is opened, but for what it has loaded and drawn already."""
        self.page.evaluate(FORGET)
        self.resize(**VIEWPORT)

    def resize(self, width: int, height: int = 800) -> None:
        if self.page.viewport_size != {"width": width, "height": height}:
            self.page.set_viewport_size({"width": width, "height": height})

    def _note_failure(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # which a tab that reloads does by itself
            self.complaints.append(f"{request.failure}: {request.url}")

    def wait(self, selector: str) -> Any:
        """The element, once it can be seen."""
        state = "attached" if selector.startswith("html") else "visible"
        return self.page.wait_for_selector(selector, state=state)

    def until(self, condition: str) -> None:
        """Wait until an expression of the page is true; playwright's own way is an `eval`."""
        assert self.page.evaluate(UNTIL % condition), f"not within {PATIENCE} ms: {condition}"

    def view(self, name: str) -> None:
        """Open a view by its tab."""
        self.page.click(f'nav button:text-is("{name}")')

    def told(self, text: str) -> None:
        """Wait until the page says how many runs there are."""
        self.until(f"document.querySelector('.told').textContent === {text!r}")

    def texts(self, selector: str) -> list[str]:
        return [str(text) for text in self.page.locator(selector).all_inner_texts()]

    def column(self, name: str) -> list[str]:
        """The texts of a column of the table, from the top."""
        titles = self.page.eval_on_selector_all(".sort", "all => all.map(b => b.title)")
        return self.texts(f"table.runs tbody tr:not(.space) td:nth-child({titles.index(name) + 2})")

    def state(self) -> str:
        return str(self.page.evaluate("location.hash"))

    def addressed(self, text: str) -> None:
        """Wait until the address, which follows a moment later, holds a text."""
        self.until(f"location.hash.includes({text!r})")

    def close(self) -> None:
        if self.is_open:
            self.context.close()
