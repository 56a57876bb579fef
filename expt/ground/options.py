"""One invocation, parsed: the command line over the configuration, grouped by who uses it.

Options ─┬─ selection   discovery: which experiments
         ├─ values      parameters and planning: what they are given
         ├─ running     executors: where, how many, how long
         ├─ keeping     the archive: where, with which labels, with pictures or not
         └─ telling     the terminal: how much is said
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from expt.ground import layout
from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from expt.ground.trials import Dimension, Objective

Operator = Literal["=", "+=", ":="]


@frozen
class Typed:
    """A text as it was typed: what it means depends on the annotation of its parameter."""

    text: str

    def __str__(self) -> str:
        return self.text


@frozen
class Assignment:
    """One `-p`, or one value from Python: `EXPERIMENT:NAME OPERATOR VALUE`.

    `name` are the keys of the dotted name, `where` is `-p NAME`. `value` is `Typed` where it was
    typed; `typed` is the whole of what was.
    """

    name: tuple[str, ...]
    value: Any
    where: str
    typed: str
    operator: Operator = "="
    experiment: str | None = None


@frozen
class Sweep:
    """One `--sweep`, or one axis from Python: a dotted name and its points.

    They are values, `Typed` texts, or a range as a table: `{"linspace": [0, 1, 5]}`.
    """

    name: str
    points: tuple[Any, ...] | Mapping[str, Any]
    where: str


@frozen
class SearchWords:
    """What one place says of a search; None and empty where it says nothing."""

    trials: int | None = None
    objectives: tuple[Objective, ...] = ()
    space: tuple[Dimension, ...] = ()
    sampler: str | None = None
    prune: str | None = None
    where: str = "--search"


@frozen
class SelectionOptions:
    """Which experiments. Paths are absolute; `configured_paths` are as the configuration says."""

    paths: tuple[Path, ...] = ()
    configured_paths: tuple[str, ...] = layout.USUAL_PATHS
    node_ids: tuple[str, ...] = ()
    keyword: str = ""
    marks: str = ""
    deselect: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    continue_on_errors: bool = False


@frozen
class ValueOptions:
    """What the experiments are given."""

    params: tuple[Assignment, ...] = ()
    params_files: tuple[Path, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    zips: tuple[tuple[str, ...], ...] = ()
    repeat: int | None = None
    variants: tuple[str, ...] = ()
    use: tuple[str, ...] = ()
    smoke: bool = False
    max_cases: int = 10_000
    search: SearchWords = SearchWords()


@frozen
class RunningOptions:
    """Where and how long: times are seconds; no `workers` means in this process.

    Each running case holds one of `devices`, which may name one several times. `engine` is what
    runs are handed to, as it was spelled, and `at_engine` how many at once; where it is None they
    are worked on by our own workers. With `detach` nobody waits for them.
    """

    workers: int = 1
    engine: str | None = None
    at_engine: int | None = None
    detach: bool = False
    isolate: bool = False
    fail_fast: int | None = None
    timeout: float | None = None
    plan_timeout: float | None = None
    pdb: bool = False
    resume: bool = False
    last_failed: bool = False
    failed_first: bool = False
    retries: int = 0
    order: str | None = None
    devices: tuple[str, ...] = ()
    cache: bool = True

    @property
    def looks_back(self) -> bool:
        """Whether what is to run depends on what the archives say."""
        return self.resume or self.last_failed or self.failed_first or bool(self.order)


@frozen
class KeepingOptions:
    """What archives are left, and where: `runs` is the archive root.

    `log_level` is the least severity of the log records that are kept, as a number of `logging`;
    `report` the file that the page of the session's runs is written to; `watch` how many seconds
    lie between two samples of what a run takes of the machine.
    """

    runs: Path
    tags: tuple[str, ...] = ()
    note: str | None = None
    scratch: bool = False
    render: bool = True
    log_level: int | None = None
    report: Path | None = None
    watch: float | None = None


@frozen
class TellingOptions:
    """How much a person is told."""

    verbosity: int = 0
    capture: bool = True
    traceback: str = "auto"
    locals: bool = False
    durations: int | None = None
    junit: Path | None = None


@frozen
class Options:
    """One invocation, parsed.

    `parent` is the id of the run that it is part of, where an experiment calls `expt.run`;
    `rerun_of` that of the run that it runs again, with what it sets otherwise, and `code_of` the
    archive from which the code was laid out in the root directory; `nowhere` is
    the temporary archive root of a process that archives nothing; `launch` is what seeds are drawn
    from where several processes draw the same.
    """

    root: Path
    cwd: Path
    keeping: KeepingOptions
    selection: SelectionOptions = SelectionOptions()
    values: ValueOptions = ValueOptions()
    running: RunningOptions = RunningOptions()
    telling: TellingOptions = TellingOptions()
    command: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    plugin_options: Mapping[str, Any] = field(factory=dict)
    configuration: Mapping[str, Any] = field(factory=dict)
    parent: str | None = None
    nowhere: Path | None = None
    launch: str | None = None
    rerun_of: str | None = None
    code_of: Path | None = None


def runs_root(options: Options) -> Path:
    """Where the archives of this session go."""
    if options.nowhere is not None:
        return options.nowhere
    if options.keeping.scratch:
        return options.keeping.runs / layout.SCRATCH_DIR
    return options.keeping.runs / layout.SMOKE_DIR if options.values.smoke else options.keeping.runs
