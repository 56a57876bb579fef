"""Running an archived run again: its values, and its code laid out in a folder of its own.

archive ─► code/ in a temporary root ─► Options ─► session ─► an archive that names the first
           params.toml as --params
           what -p and the sweep had set, as -p
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground.configuration import find_root, read_configuration
from expt.ground.errors import ReadingError, UsageError
from expt.ground.files import list_inside, read_inside
from expt.ground.layout import (
    ANALYSES_FILE,
    CODE_CAP,
    CODE_DIR,
    PARAMS_FILE,
    PATCH_FILE,
    usual_paths,
)
from expt.ground.model import LAYER_COMMAND, LAYER_DRAWN, LAYER_SWEEP, RERUN_OF
from expt.ground.options import (
    KeepingOptions,
    Options,
    RunningOptions,
    SelectionOptions,
    TellingOptions,
    ValueOptions,
)
from expt.ground.text import MASK, some_of
from expt.ground.value_classes import evolve, field, frozen
from expt.parameters.typed_text import assign
from expt.reading.fields import MISSING, dotted_value, leaf_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from expt.ground.options import Assignment
    from expt.reading.run import Run

_FINAL: Final = (LAYER_COMMAND, LAYER_SWEEP, LAYER_DRAWN)
"""Layers whose values no provider wraps: they are given again as `-p`."""


@frozen
class Again:
    """What is asked for beside the archived values, and how it is run."""

    params: tuple[Assignment, ...] = ()
    current_code: bool = False
    keeping: KeepingOptions = field(kw_only=True)
    running: RunningOptions = field(factory=RunningOptions)
    telling: TellingOptions = field(factory=TellingOptions)
    command: tuple[str, ...] = ()


@contextlib.contextmanager
def options_again(run: Run, again: Again) -> Iterator[Options]:
    """The options that run `run` again; its code lies in a temporary folder until the end.

    Raises `UsageError` for a run that has no code, and `DamagedArchive`.
    """
    _reject_imported(run)
    cwd = Path.cwd()
    configuration = read_configuration(find_root([], cwd))
    with contextlib.ExitStack() as stack:
        if again.current_code:
            root = configuration.root
        else:
            folder = tempfile.TemporaryDirectory(prefix="expt-rerun-", ignore_cleanup_errors=True)
            root = Path(stack.enter_context(folder)).resolve()
            lay_out_code(run, root)
        yield Options(
            root=root,
            cwd=cwd,
            keeping=again.keeping,
            selection=SelectionOptions(
                paths=(root / run.experiment.partition("::")[0],),
                configured_paths=usual_paths(configuration.values),
                node_ids=(run.experiment,),
            ),
            values=ValueOptions(
                params=(*final_values(run, again.params), *again.params),
                params_files=(run.path / PARAMS_FILE,),
                smoke=run.record.smoke,
            ),
            running=again.running,
            telling=again.telling,
            command=again.command,
            plugins=tuple(configuration.values.get("plugins", ())),
            configuration=configuration.values,
            rerun_of=run.id,
            code_of=None if again.current_code else run.path,
        )


def _reject_imported(run: Run) -> None:
    origin = run.lineage.get("imported_from")
    if isinstance(origin, dict):
        what = f"the run was made by {origin.get('format')}, and expt cannot run it"
        raise UsageError(what, str(run.path), "its code is in code/, its values are in params.toml")


def lay_out_code(run: Run, folder: Path) -> None:
    """The files of `code/` at their places below `folder`."""
    names = [
        name for name in list_inside(run.path, CODE_DIR) if name not in (PATCH_FILE, ANALYSES_FILE)
    ]
    if not names:
        what = "this run has no code that could be run again"
        raise UsageError(what, str(run.path), "--current-code runs that of the working tree")
    for name in names:
        content = read_inside(run.path, f"{CODE_DIR}/{name}", CODE_CAP)
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content or b"")


def final_values(run: Run, given: Sequence[Assignment]) -> list[Assignment]:
    """What the command line, the sweep or a draw had set, as `-p`, but for what is `given` anew."""
    anew = {assignment.name for assignment in given}
    sweep = run.lineage.get("sweep")
    names = dict.fromkeys(sweep if isinstance(sweep, dict) else ())
    names |= {
        name: None for name, chain in run.origins.items() if chain and chain[0].layer in _FINAL
    }
    found = []
    for name in names:
        value = _chosen(run, name)
        if value is MISSING or holds_mask(value):
            continue
        assignment = evolve(assign(name, value, RERUN_OF), where=f"{RERUN_OF} {run.id}")
        if not any(assignment.name[: len(other)] == other for other in anew):
            found.append(assignment)
    return found


def _chosen(run: Run, name: str) -> Any:
    """The value of a name; of a choice its member, which stands for the whole table."""
    chosen = run.lineage.get("choices")
    if isinstance(chosen, dict) and name in chosen:
        return chosen[name]
    return dotted_value(run.params, name)


def holds_mask(value: Any) -> bool:
    """Whether it is, or holds, a secret that was not archived."""
    if isinstance(value, dict):
        return any(map(holds_mask, value.values()))
    return value == MASK if isinstance(value, str) else False


def find_doubts(run: Run, again: Run | None, *, current_code: bool) -> list[str]:
    """Why `again` could come out otherwise than `run`, apart from what was set: a line each."""
    doubts = []
    masked = [name for name, value in leaf_values(run.params) if holds_mask(value)]
    if masked:
        doubts.append(f"not archived, since it is secret: {', '.join(masked)}")
    try:
        if again is not None:
            doubts += _unlike_sources(run.record.sources, again.record.sources, current_code)
            doubts += _unlike_packages(run.environment, again.environment)
    except ReadingError as error:
        doubts.append(f"not compared: {error.what}")
    return doubts


def _unlike_sources(
    old: Mapping[str, tuple[str, str]], new: Mapping[str, tuple[str, str]], current_code: bool
) -> Iterator[str]:
    changed = [name for name in old if name in new and old[name][1] != new[name][1]]
    gone = [name for name in old if name not in new]
    if changed:
        why = "" if current_code else ", since what was secret in it is not archived"
        yield f"other code{why}: {', '.join(changed)}"
    if gone:
        yield f"not imported this time: {', '.join(gone)}"


def _unlike_packages(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old.get("python") != new.get("python"):
        yield f"Python {old.get('python')} → {new.get('python')}"
    before, after = old.get("packages"), new.get("packages")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    changed = [
        f"{name} {before.get(name, '-')} → {after.get(name, '-')}"
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]
    if changed:
        yield f"other packages: {some_of(changed, 8)}"
