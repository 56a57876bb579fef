"""What travels between the parent and its workers, and the two ends that it travels by.

    parent ── Begin, Request ──► worker ── Event, Event, … Answer ──► parent

What all requests of a session have in common is told to a worker once, before the first of them.
Everything here is made of plain values and of the nouns of `model`: a function, a module or a
user's object never crosses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from expt.ground.model import Description, Outcome, Plan
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from expt.ground.errors import ExptError
    from expt.ground.model import Case, Experiment, Search
    from expt.ground.options import Options
    from expt.ground.trials import SpacePoint


@frozen
class SessionInfo:
    """What is taken once a session and stands in each of its archives.

    `environment` is the content of `environment.json`; `patch` the bytes of the uncommitted
    changes, empty where there are none. `secrets` are texts that no archive may hold,
    `secret_names` the dotted names of the parameters that have them.
    """

    id: str
    environment: Mapping[str, Any]
    patch: bytes = b""
    secrets: tuple[str, ...] = ()
    secret_names: frozenset[str] = frozenset()


# Events: what workers tell the parent while they work, and what the terminal shows.


@frozen
class RunStarted:
    """A run has claimed its archive, and is about to fill it.

    `cpu_time` is what its process has used before, in seconds.
    """

    case_id: str
    run_id: str
    path: str
    pid: int
    when: float
    cpu_time: float = 0.0


@frozen
class ModuleImporting:
    """A file of the user's is about to be imported; where a worker dies, the last one is named."""

    path: str


@frozen
class RunProgressed:
    """`progress(iterable)` moved on; `total` is None where it is not known."""

    case_id: str
    done: int
    total: int | None
    label: str = ""


@frozen
class ProviderMaking:
    """A session provider is about to make its value; with `seconds`, it has made it."""

    case_id: str
    provider: str
    seconds: float | None = None


@frozen
class RunFinished:
    """A run has its terminal status on disk.

    Where it `is_over` nothing of it follows but the manifest: its worker is about to be free.
    """

    case_id: str
    outcome: Outcome
    is_over: bool = False


@frozen
class RunAnnounced:
    """The hooks that listen for a run's end are about to be called; they are called once."""

    case_id: str


@frozen
class RunRendered:
    """The renderings of an archive are made; `failures` are notices, never a run's failure."""

    path: str
    files: tuple[str, ...]
    failures: tuple[str, ...] = ()


@frozen
class SessionRendered:
    """The pictures of all runs of a session are made; `files` are relative to the folder `path`.

    `failures` are notices.
    """

    path: str
    files: tuple[str, ...]
    failures: tuple[str, ...] = ()


@frozen
class CasesAdded:
    """Cases that were decided on after the plan; `more` is how many runs may follow them."""

    cases: tuple[Case, ...]
    more: int


@frozen
class CaseLeftOut:
    """A planned case that this session does not run after all, since another does or did."""

    case_id: str
    why: str


@frozen
class SearchEnded:
    """A search has no more trials in this session; its `known` says what it came to."""

    search: Search


@frozen
class Notice:
    """Something that a person should read, and that fails nothing."""

    text: str
    case_id: str | None = None


Event = (
    RunStarted
    | ModuleImporting
    | ProviderMaking
    | RunProgressed
    | RunFinished
    | RunAnnounced
    | RunRendered
    | SessionRendered
    | CasesAdded
    | CaseLeftOut
    | SearchEnded
    | Notice
)


# What a worker is told of the session, and what it is then asked for.


@frozen
class Equip:
    """Variables of the environment of one worker, sent before anything else. No answer."""

    variables: Mapping[str, str]


@frozen
class Begin:
    """What a worker keeps for every request to come; a later one takes its place. No answer.

    `session` is None as long as nothing is to be run: what archives say of a session is measured
    while the first worker plans.
    """

    options: Options
    session: SessionInfo | None = None


# Requests: one answer each, or an ExptError.


@frozen
class PlanRequest:
    """Import the selected experiments and decide their cases. Answered by a `Plan`.

    `unsure` are the ids of those that are among them only because nothing could tell before.
    """

    experiments: tuple[Experiment, ...]
    unsure: frozenset[str] = frozenset()


@frozen
class TrialRequest:
    """Make cases of points of a search's space. Answered by a `Trials`."""

    search: Search
    points: tuple[SpacePoint, ...]


@frozen
class MoreRequest:
    """Make cases that differ from one in the values of each point. Answered by a `Trials`."""

    case: Case
    points: tuple[Mapping[str, Any], ...]


@frozen
class DescribeRequest:
    """Tell what takes part in one case. Answered by a `Description`."""

    case: Case


@frozen
class SchemaRequest:
    """Tell what every `params.toml` of the experiments may say. Answered by `Schemas`."""

    experiments: tuple[Experiment, ...]


@frozen
class RunRequest:
    """Run one case. Answered by an `Outcome`. `still_needed` are session keys of later cases."""

    case: Case
    still_needed: frozenset[str] = frozenset()


@frozen
class AnnounceRequest:
    """Let the hooks of a run whose worker died hear of its end. Answered by None."""

    case: Case
    outcome: Outcome


@frozen
class RenderRequest:
    """Make the renderings of an archive. Answered by a `RunRendered`."""

    path: str


@frozen
class SessionRenderRequest:
    """Draw what the runs at `paths` have in common. Answered by a `SessionRendered`."""

    session_id: str
    paths: tuple[str, ...]


@frozen
class SessionAnalysisRequest:
    """Analyse runs, each a case and its archive, together. Answered by a `SessionRendered`."""

    session_id: str
    runs: tuple[tuple[Case, str], ...]


@frozen
class Schemas:
    """A JSON Schema by the path of each `params.toml`, relative to the root directory."""

    by_file: Mapping[str, Mapping[str, Any]]


@frozen
class Trials:
    """The cases of each point that was asked for, after those that they need.

    There are several where it is repeated.
    """

    cases: tuple[tuple[Case, ...], ...]


Request = (
    PlanRequest
    | TrialRequest
    | MoreRequest
    | DescribeRequest
    | SchemaRequest
    | RunRequest
    | AnnounceRequest
    | RenderRequest
    | SessionRenderRequest
    | SessionAnalysisRequest
)
Reply = Plan | Trials | Description | Schemas | Outcome | RunRendered | SessionRendered | None


@frozen
class Answer:
    """How a worker ends a request: with a reply, or with the error that its sender shall see."""

    reply: Reply = None
    error: ExptError | None = None


class Report(Protocol):
    """How anything inside a worker tells the parent: one event, delivered in order."""

    def __call__(self, event: Event, /) -> None: ...


class Executor(Protocol):
    """Where and when requests are worked on; the shape of `concurrent.futures.Executor`."""

    def submit(self, request: Request, /) -> Future[Any]:
        """Begin when there is room. The future gives the reply, or raises `ExptError`."""

    def interrupt(self, *, kill: bool = False) -> None:
        """Ask the current runs to end as interrupted; with `kill`, end them now."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Close session providers and processes."""
