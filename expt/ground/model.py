"""The nouns: frozen values that travel between the parts of the pipeline and between processes.

    Options ─► Experiment ─► Case ─► Outcome ─► RunRecord
               (found)     (decided)  (done)      (kept)

Nothing here imports, runs, reads or writes anything. What crosses a process boundary is made of
these classes and of plain values; a function, a module or a user's object never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from expt.ground.trials import SearchTerms, Trial


Status = Literal["running", "completed", "failed", "interrupted", "skipped", "lost"]
STATUSES: Final = ("running", "completed", "failed", "interrupted", "skipped", "lost")
Kind = Literal["scalar", "figure", "image", "array", "text", "structured"]
KINDS: Final = ("scalar", "figure", "image", "array", "text", "structured")

# Layer names, as they stand in origins
LAYER_DEFAULT: Final = "default"  # a default in a signature
LAYER_NEEDS: Final = "needs"  # the run of an experiment that @expt.needs names
LAYER_PROVIDER: Final = "provider"  # a provider of a plugin, a conftest or a module
LAYER_PARAMS: Final = "params.toml"  # a top-level key, or a key of an [experiment_name] table
LAYER_EXTENDS: Final = "extends"  # a value in the call of expt.extends
LAYER_VARIANT: Final = "--variant"
LAYER_SMOKE: Final = "--smoke"
LAYER_FILE: Final = "--params"
LAYER_SWEEP: Final = "sweep"
LAYER_COMMAND: Final = "-p"
LAYER_DRAWN: Final = "drawn"  # a seed that nobody gave
LAYER_IMPORTED: Final = "imported"  # another tool's archive
RERUN_OF: Final = "rerun of"  # then the id of the run that a final value is taken from: a place

BUILTIN_PROVIDERS: Final = frozenset(
    (
        *("track", "results", "archive", "checkpoint", "params", "log", "rng", "progress", "run"),
        *("hooks", "tmp_path"),
    )
)
"""The reserved argument names: what they supply is told in docs/reference/parameters.md."""


BASE_MARK: Final = "base"
"""`@expt.mark.base`: an experiment that is hosted elsewhere and never run itself."""


@frozen
class Place:
    """A line of a file: `experiments/params.toml:3`; the path is relative to the root directory."""

    path: str
    line: int | None = None

    def __str__(self) -> str:
        return self.path if self.line is None else f"{self.path}:{self.line}"


@frozen
class Origin:
    """One layer that had a value for a name; of a provider, what it made where a run kept it."""

    layer: str
    where: str | None
    value: Any = None


@frozen
class Axis:
    """One axis of a sweep: `names` are varied together, one tuple of `values` a point.

    A range's points are computed when they are taken: `values` may be too long to be written out.
    """

    names: tuple[str, ...]
    values: Sequence[tuple[Any, ...]]
    where: str | None = None

    def __len__(self) -> int:
        return len(self.values)


@frozen
class Experiment:
    """A found experiment; its module has perhaps never been imported.

    `id` is the node id without a case. `path` is the file whose function runs, `host` the folder
    (of a `params.toml`) or file that the node id names; both relative to the root directory.
    `parameters` and `axes` are what the source shows; `axes` is None where a decorator must be
    executed to know them. `marks_complete` is false where a decorator that is not expt's may
    add to them; `extends` are the node ids of the bases, nearest first.
    """

    id: str
    path: str
    function: str
    line: int
    description: str = ""
    marks: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    axes: tuple[Axis, ...] | None = ()
    host: str = ""
    extends: tuple[str, ...] = ()
    marks_complete: bool = True

    @property
    def is_base(self) -> bool:
        """Whether it is there to be extended alone, and never run itself."""
        return BASE_MARK in self.marks and not self.extends

    @property
    def place(self) -> str:
        """The file or folder that the node id names, relative to the root."""
        return self.id.rpartition("::")[0]

    @property
    def name(self) -> str:
        """The name that the node id gives: of its `[experiment_name]` table, of its archives."""
        return self.id.rpartition("::")[2]

    @property
    def folder(self) -> str:
        """The folder of the node id, relative to the root; '' for the root itself."""
        return place_folder(self.place)


def folder_place(folder: str) -> str:
    """What node ids call a folder, relative to the root: one that is named as a file ends in '/'.

    So a place that ends in `.py` is a file, for all who ask.
    """
    return f"{folder}/" if folder.endswith(".py") else folder or "."


def place_folder(place: str) -> str:
    """The folder that a place is or lies in; '' for the root directory."""
    if place.endswith(".py"):
        return place.rpartition("/")[0]
    return "" if place == "." else place.rstrip("/")


def folders_down_to(folder: str) -> list[str]:
    """'' (the root), 'experiments', 'experiments/vision', …"""
    parts = [part for part in folder.split("/") if part and part != "."]
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)]


@frozen
class PinnedRun:
    """A run that an experiment is given, decided at planning.

    `value` is what stands in `params`: the id, or the path of an archive elsewhere. `newest_of` is
    the node id of which it was the newest completed run, where a node id named it; `path` the
    archive, where it is known.
    """

    id: str
    value: str
    experiment: str
    started: str
    newest_of: str | None = None
    path: str = ""

    def __str__(self) -> str:
        """`newest of experiments/train.py::experiment_train, 2026-11-25 10:15`."""
        told = f"newest of {self.newest_of}" if self.newest_of else self.experiment
        return f"{told}, {self.started[:16].replace('T', ' ')}"


@frozen
class Case:
    """An experiment with every value fixed: plain data, ready to travel.

    `params` holds plain values below any wrapping provider; a default that is no plain value is
    held as `Opaque` and taken from the signature when the case runs. `session_keys` names the
    session providers' values that the case needs, so that a worker knows when one is done with.
    `secrets` are the dotted names whose values are masked wherever they are written, `inputs`
    the names of values that are existing paths, `kept` those that are copied, `runs` the runs that
    dotted names are, `needs` the ids of the cases whose runs a name will be, `deviations` the
    values that differ from those of the experiment that this one extends, `choices` the members
    that values are, `words` what is said of a dotted name: its `description` and `unit`.
    `goes_on_from` are the archives with checkpoints from which it may go on, the first the
    likeliest; `known` the ids of the runs of the same fingerprint that a resumed plan knew.
    """

    experiment: Experiment
    label: str | None
    params: Mapping[str, Any]
    origins: Mapping[str, tuple[Origin, ...]]
    axes: Mapping[str, Any] = field(factory=dict)
    fingerprint: str | None = None
    session_keys: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    inputs: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    runs: Mapping[str, PinnedRun] = field(factory=dict)
    needs: Mapping[str, tuple[str, ...]] = field(factory=dict)
    deviations: Mapping[str, Any] = field(factory=dict)
    choices: Mapping[str, str] = field(factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(factory=dict)
    skip: str | None = None
    goes_on_from: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    trial: Trial | None = None

    @property
    def id(self) -> str:
        """The node id, with the case in brackets where there is one."""
        return self.experiment.id if self.label is None else f"{self.experiment.id}[{self.label}]"


@frozen
class Part:
    """Something that takes part in an experiment: a provider, a hook point's listener, a hook.

    `detail` is what is to be said of it beside its description: a provider's scope and what it
    asks for.
    """

    name: str
    place: Place
    description: str = ""
    detail: str = ""


@frozen
class Description:
    """All that is known of one case without running it; parts in the order they come to work.

    `prose` is what the docstring says beside its first line and the parameters: Markdown.
    """

    case: Case
    providers: tuple[Part, ...] = ()
    points: tuple[Part, ...] = ()
    listeners: tuple[Part, ...] = ()
    hooks: tuple[Part, ...] = ()
    analyses: tuple[Part, ...] = ()
    prose: str = ""


@frozen(repr=False)
class Opaque:
    """Stands for a value that cannot travel or be stored: the `repr` of it, without an address.

    `identity` tells two objects of one text apart within a session; it is written nowhere.
    """

    text: str
    identity: int = field(default=0, eq=False)

    def __repr__(self) -> str:
        return self.text


@frozen
class Past:
    """What the archives say of a case; `why` says how it failed, or what changed.

    `run` is the id of the run that it is said of. `seconds` and `size` (bytes) are what a run is
    expected to take. `ended_badly` says whether the newest run of that name did not complete.
    """

    state: Literal["done", "failed", "running", "changed", "new"]
    why: str = ""
    run: str | None = None
    seconds: float | None = None
    size: int | None = None
    ended_badly: bool = False


@frozen
class Search:
    """Cases that are chosen one after the other, each for what is known of those before it.

    `case` has what all trials share, and some point of the space. `study` names the search in the
    archives. `drawn` says whether nobody gave the seed. `repeats` is how many runs a trial has,
    None for one without an axis of repeats. `where` tells for each axis where it was said. `known`
    is what is to be told of trials that have ended before, `by_hand` the ids of the runs that count
    as trials and are none of this search.
    """

    case: Case
    terms: SearchTerms
    study: str
    drawn: bool = False
    repeats: int | None = None
    where: Mapping[str, str | None] = field(factory=dict)
    known: str = ""
    by_hand: tuple[str, ...] = ()


@frozen
class Plan:
    """The ordered cases, decided before anything runs, and what is worth saying about them.

    `errors` are those that `--continue-on-collection-errors` went past, each told in full. `pasts`
    is what the archives say of each case, where they were asked; `done` the cases that are left
    out since they are done; `gathered` the ids of experiments whose runs are analysed together;
    `added` the ids of cases that were not selected, and that others need; `reused` the runs that
    cases are given in the place of cases that are not run again, by the ids of these; `elsewhere`
    how many cases are left out since other sessions run them.
    """

    cases: tuple[Case, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    deselected: int = 0
    errors: tuple[str, ...] = ()
    pasts: Mapping[str, Past] = field(factory=dict)
    done: tuple[Case, ...] = ()
    gathered: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    reused: Mapping[str, PinnedRun] = field(factory=dict)
    searches: tuple[Search, ...] = ()
    elsewhere: int = 0


@frozen
class ErrorInfo:
    """What an experiment raised; the traceback is the user's, without expt's own frames."""

    type: str
    message: str
    traceback: str = ""


@frozen
class Outcome:
    """How one run ended. `path` is the archive; `notices` are what went wrong beside the run.

    `duration` and `setup` are seconds: imports and session providers are told apart. `elsewhere`
    says that the run is another session's, which runs the case or has run it since the plan, and
    `spoiled` that its process cannot be used for another run.
    """

    case_id: str
    run_id: str
    path: str
    status: Status
    duration: float
    results: Mapping[str, Any] = field(factory=dict)
    error: ErrorInfo | None = None
    notices: tuple[str, ...] = ()
    setup: float = 0.0
    elsewhere: bool = False
    spoiled: bool = False


@frozen
class RunRecord:
    """`run.json`, field by field (docs/reference/archive-format.md). Times are ISO 8601."""

    id: str
    experiment: str
    case: str | None
    description: str
    status: Status
    started: str
    finished: str | None = None
    duration: float | None = None
    setup: float | None = None
    params: Mapping[str, Any] = field(factory=dict)
    made: Mapping[str, Any] = field(factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(factory=dict)
    origins: Mapping[str, Sequence[Origin]] = field(factory=dict)
    results: Mapping[str, Any] = field(factory=dict)
    series: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    sources: Mapping[str, tuple[str, str]] = field(factory=dict)
    error: ErrorInfo | None = None
    lineage: Mapping[str, Any] = field(factory=dict)
    usage: Mapping[str, Any] = field(factory=dict)
    tags: tuple[str, ...] = ()
    note: str | None = None
    smoke: bool = False
    command: tuple[str, ...] = ()
    cwd: str = ""
    host: str = ""
    pid: int = 0
    notices: tuple[str, ...] = ()
    owner: Mapping[str, Any] = field(factory=dict)
    format: int = 1


# The Protocols of the seams


class Track(Protocol):
    """The `track` argument of an experiment."""

    def __call__(
        self, name: str = ..., value: Any = ..., /, step: float | None = None, **values: Any
    ) -> None: ...
    def image(self, name: str, value: Any, /, step: float | None = None) -> None: ...
    def array(self, name: str, value: Any, /, step: float | None = None) -> None: ...
    def figure(self, name: str, value: Any, /, step: float | None = None) -> None: ...
    def text(self, name: str, value: Any, /, step: float | None = None) -> None: ...
    def table(self, name: str, value: Any, /, step: float | None = None) -> None: ...
    def configure(self, name: str, /, **options: Any) -> None: ...


class Recognise(Protocol):
    """A plugin's word on a value that is tracked: the kind and the value to store, or None."""

    def __call__(self, value: Any, /) -> tuple[Kind, Any] | None: ...
