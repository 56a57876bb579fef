"""What goes to a node and comes back: bytes, which any engine can carry.

    "expt 0.1.0\\n" <frame of a tuple, as between processes>

What all cases of a session have in common is packed once and sent with each of them: a few
kilobytes, so that a node needs nothing that it is not handed.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from expt.executors.wire import frame_body, pack, unpack
from expt.ground import version
from expt.ground.errors import WorkerError
from expt.ground.value_classes import field, field_names, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expt.ground.messages import Begin, Event, RunRequest
    from expt.ground.model import Outcome

_FAST: Final = 1  # of zlib


@frozen
class Parcel:
    """One case on its way to a node.

    `begin` is `pack_begin` of what its worker must know. `mailbox` is the folder that the node
    shares with the session, empty where they share none; `ticket` the case's name there.
    `sender` is the process that sends it, and waits for the answer if `is_awaited`. `variables`
    are set in the worker's environment. With `leaves_answer` the answer lies in the mailbox too:
    the engine's own comes late. `code` and `given` are what a node needs that shares no folder.
    """

    begin: bytes
    request: RunRequest
    ticket: str
    mailbox: str
    sender: Mapping[str, Any]
    is_awaited: bool = True
    variables: Mapping[str, str] = field(factory=dict)
    leaves_answer: bool = False
    code: bytes = b""
    given: bytes = b""


@frozen
class Returned:
    """What a node answers: how a run ended, what was said on the way, and who was not told.

    `outcome` is None for a case that did not begin, since the session had ended; where `problem`
    says what went wrong; and with `begun_before`, where another node had begun it and died.
    `archive` is what the run left, packed, where the session cannot see it.
    """

    outcome: Outcome | None = None
    events: tuple[Event, ...] = ()
    unheard: bool = False
    problem: str | None = None
    begun_before: bool = False
    archive: bytes = b""


def pack_begin(begin: Begin) -> bytes:
    """What all cases of a session have in common, to be packed once."""
    return zlib.compress(pack(begin), _FAST)


def unpack_begin(content: bytes) -> Begin:
    """The inverse of `pack_begin`. Raises `WorkerError`."""
    begin: Begin = unpack(frame_body(zlib.decompress(content)))
    return begin


def to_bytes(sent: Parcel | Returned) -> bytes:
    """What the readers below take, of the same version of expt."""
    return _head() + pack(tuple(getattr(sent, name) for name in field_names(type(sent))))


def read_parcel(content: bytes) -> Parcel:
    """Raises `WorkerError` for a parcel of another version of expt."""
    return Parcel(*_body(content, "the session"))


def read_returned(content: bytes) -> Returned:
    """Raises `WorkerError` for what another version of expt answers."""
    return Returned(*_body(content, "the node"))


def _head() -> bytes:
    return f"expt {version.__version__}\n".encode()


def _body(content: bytes, whose: str) -> Any:
    head, own = content[: content.find(b"\n") + 1], _head()
    if head != own:
        theirs, ours = (text.decode("utf-8", "replace").strip() for text in (head[:40], own))
        raise WorkerError(f"{whose} has '{theirs}', and here is '{ours}': both must be the same")
    return unpack(frame_body(content[len(own) :]))
