"""Who may ask the page for anything, and what a browser may do with the answer.

request ─► Host ─► token or cookie ─► origin of what changes something ─► the page
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer."""


def cookie_of(port: int) -> str:
    """The name of the cookie of a page: a browser sends those of all ports of a host to each."""
    return f"expt-token-{port}"


class Guard:
    """Lets through what asks for this port of this machine and has the token, as `?token=` or as a
    cookie."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self._cookie = cookie_of(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        answer = self._refuse(request)
        await (answer or self._app)(scope, receive, send)

    def _refuse(self, request: Request) -> Response | None:
        if request.headers.get("host") not in self._hosts:
            return _plain(421, "this is not the address of the page")
        typed = request.query_params.get("token", "")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        known = [request.cookies.get(self._cookie, ""), typed, bearer]
        if not any(hmac.compare_digest(one.encode(), self._token.encode()) for one in known):
            return _plain(403, "the address that 'expt view' printed has the token; this has none")
        if typed and request.method == "GET" and request.url.path == "/":
            answer = RedirectResponse("/", 303, headers=HEADERS)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            return answer
        if request.method not in ("GET", "HEAD"):
            origin = request.headers.get("origin")
            if origin is None or urlsplit(origin).netloc not in self._hosts:
                return _plain(403, "another site may not change anything here")
        return None


def _plain(status: int, text: str) -> Response:
    return Response(text + "\n", status, media_type="text/plain", headers=HEADERS)
