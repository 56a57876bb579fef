"""One invocation, parsed: the command line over the configuration, grouped by who uses it.

Options ─┬─ selection   discovery: which experiments
         ├─ values      parameters and planning: what they are given
         ├─ running     executors: where, how many, how long
         ├─ keeping     the archive: where, with which labels, with pictures or not
         └─ telling     the terminal: how much is said
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from expt.ground.model import Axis


@attrs.frozen
class SelectionOptions:
    """Which experiments. Paths are absolute; `configured_paths` are as the configuration says."""

    paths: tuple[Path, ...] = ()
    configured_paths: tuple[str, ...] = ("experiments",)
    node_ids: tuple[str, ...] = ()
    keyword: str = ""
    marks: str = ""
    deselect: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    continue_on_errors: bool = False


@attrs.frozen
class ValueOptions:
    """What the experiments are given."""

    params: tuple[str | tuple[str, Any], ...] = ()  # texts as typed; from Python, names and values
    params_files: tuple[Path, ...] = ()
    sweeps: tuple[str | Axis, ...] = ()
    zips: tuple[str, ...] = ()
    repeat: int | None = None
    variants: tuple[str, ...] = ()
    smoke: bool = False
    max_cases: int = 10_000


@attrs.frozen
class RunningOptions:
    """Where and how long: times are seconds; no `workers` means in this process."""

    workers: int = 1
    isolate: bool = False
    fail_fast: int | None = None
    timeout: float | None = None
    plan_timeout: float | None = None
    pdb: bool = False


@attrs.frozen
class KeepingOptions:
    """What archives are left, and where: `runs` is the archive root."""

    runs: Path
    tags: tuple[str, ...] = ()
    note: str | None = None
    scratch: bool = False
    render: bool = True


@attrs.frozen
class TellingOptions:
    """How much a person is told."""

    verbosity: int = 0
    capture: bool = True
    traceback: str = "auto"
    durations: int | None = None


@attrs.frozen
class Options:
    """One invocation, parsed."""

    root: Path
    cwd: Path
    keeping: KeepingOptions
    selection: SelectionOptions = SelectionOptions()
    values: ValueOptions = ValueOptions()
    running: RunningOptions = RunningOptions()
    telling: TellingOptions = TellingOptions()
    command: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    plugin_options: Mapping[str, Any] = attrs.field(factory=dict)
    configuration: Mapping[str, Any] = attrs.field(factory=dict)
