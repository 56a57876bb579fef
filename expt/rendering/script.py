"""The built-in plugin that writes `analysis.py`: a script in percent cells that starts from a run.

    what run this is ─ load ─ values ─ a cell for each kind of series ─ other runs ─ analysis_*

Users' text gets into the script in two ways alone, `literal` and `comment`, and as the source of
their own `analysis_*` functions. A script that somebody edited is left as it is.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any, Final

from expt.archive.json_files import read_analyses
from expt.ground import layout
from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside, write_atomically
from expt.ground.hookspecs import hook
from expt.ground.text import human_duration, visible, words_text
from expt.rendering import script_cells
from expt.rendering.closure import Closure, find_closure, imported_modules
from expt.rendering.inline_metadata import metadata_block
from expt.rendering.plots import alike, curves_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from expt.reading.run import Run
    from expt.reading.runs import Runs

_MOST_NAMES: Final = 12  # of one kind that stand in the script; the comment beside tells of more
_ROOTS: Final = ("", "src", layout.OUTSIDE_DIR)  # in `code/`: where imports begin
_CAPITALS: Final = re.compile(r"\b[A-Z]+\b")
_SEAL: Final = "# expt: "
_LONGEST: Final = 1 << 24  # bytes of a script that somebody edited


class Script:
    """Writes `analysis.py` beside `run.json`."""

    @hook
    def expt_render_run(self, run: Run) -> list[Path] | None:
        path = run.path / layout.ANALYSIS_FILE
        is_file = path.is_file() and not path.is_symlink()  # a link is replaced by the script
        if not is_file or _is_own(path.read_text("utf-8", "replace")):
            write_atomically(path, write_script(run).encode())
        return [path]

    @hook
    def expt_render_session(self, runs: Runs, session_id: str, folder: Path) -> list[Path] | None:
        groups = _series_of(runs)
        if not groups:
            return None
        path = folder / layout.ANALYSIS_FILE
        earlier = [run.id for run in runs if run.listed_lineage.get("session") != session_id]
        write_atomically(path, write_session_script(session_id, groups, earlier).encode())
        return [path]


def write_session_script(
    session_id: str, groups: Mapping[str, Sequence[str]], earlier: Sequence[str] = ()
) -> str:
    """The text of a session's `analysis.py`; `groups` has the series of each experiment.

    `earlier` are the ids of the runs that `--resume` took in the place of new ones.
    """
    cells = [
        metadata_block(),
        "# %%\n# This script starts from all runs of a session. Change it as you like.\n#\n"
        + comment("session", session_id),
        _fill(
            script_cells.SESSION_LOAD
            + (script_cells.RESUMED_RUNS if earlier else script_cells.SESSION_RUNS),
            SESSION=session_id,
            EARLIER=list(earlier),
        ),
    ]
    return _script_of_many(cells, groups)


def write_runs_script(runs: Runs) -> str:
    """The text of a script that starts from all of `runs`, wherever they are."""
    cells = [
        metadata_block(),
        "# %%\n# This script starts from many runs. Change it as you like.\n#\n"
        + comment("runs", str(len(runs))),
        _fill(script_cells.RUNS_LOAD, PATHS=[str(run.path.absolute()) for run in runs]),
    ]
    return _script_of_many(cells, _series_of(runs))


def _series_of(runs: Runs) -> dict[str, list[str]]:
    """The series of each experiment that can be drawn in one figure, those of one entry aside."""
    return {experiment: curves_of(those)[:_MOST_NAMES] for experiment, those in alike(runs).items()}


def _script_of_many(cells: list[str], groups: Mapping[str, Sequence[str]]) -> str:
    """A script whose first cells make `session`: tables and curves of each experiment in it."""
    cells.append(script_cells.SHOW_FUNCTION)
    for experiment, names in groups.items():
        cells.append(_fill(script_cells.SESSION_VALUES, EXPERIMENT=experiment))
        cells += [_fill(script_cells.SESSION_CURVES, NAME=name) for name in names]
    return _sealed([*cells, script_cells.SHOW])


def write_script(run: Run, reference: str | None = None) -> str:
    """The text of `analysis.py`. Reads no series.

    Where it does not lie beside `run.json` it loads `reference`, by itself the id.
    """
    return _sealed(_cells(run, reference or run.id))


def script_of(run: Run) -> str:
    """The run's script as somebody edited it, else one that works from anywhere."""
    content = read_inside(run.path, layout.ANALYSIS_FILE, _LONGEST)
    text = "" if content is None else content.decode("utf-8", "replace")
    return text if text and not _is_own(text) else write_script(run, str(run.path.absolute()))


def _sealed(cells: Iterable[str]) -> str:
    body = "\n\n\n".join(cell.strip("\n") for cell in cells) + "\n\n"
    return f"{body}{_seal(body)}\n"


def literal(value: Any) -> str:
    """An expression whose value is `value`, whatever it holds; of an object, the text of it."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, str):
        return _text_literal(value)
    if isinstance(value, (list, tuple)):
        texts = [literal(item) for item in value]
        if sum(map(len, texts)) < 60:
            return f"[{', '.join(texts)}]"
        return "[\n" + "".join(f"    {text},\n" for text in texts) + "]"
    if isinstance(value, dict):
        pairs = (f"{literal(key)}: {literal(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    return _text_literal(str(value))


def _text_literal(text: str) -> str:
    """`repr`, which escapes newlines, surrogates and what cannot be seen, in double quotes."""
    told = repr(str.__str__(text))
    return f'"{told[1:-1]}"' if told[0] == "'" and '"' not in told else told


def comment(label: str, text: str) -> str:
    """A line of comment. The label keeps `text` from being read as a cell or a magic command."""
    shown = visible(text)
    return f"# {label}: {shown if len(shown) <= 300 else f'{shown[:300]}…'}"


def _seal(body: str) -> str:
    digest = hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{_SEAL}made by expt {digest}; once edited, expt leaves it as it is"


def _is_own(text: str) -> bool:
    """Whether a script is as it was written."""
    body, seal, _ = text.rpartition(_SEAL)
    return bool(seal) and text == f"{body}{_seal(body)}\n"


def _cells(run: Run, reference: str) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for name in run.series:
        names.setdefault(run.series[name].kind, []).append(name)
    analyses, damage = _read_closures(run)
    yield _metadata_of(run, [closure for _, closure in analyses if closure is not None])
    yield _title_cell(run)
    yield _fill(script_cells.LOAD, ID=reference)
    yield _values_cell(run)
    for kind, template in script_cells.KIND_CELLS.items():
        if kind in names:
            yield _kind_cell(template, names[kind])
    if run.artifacts:
        yield script_cells.ARTIFACTS
    yield script_cells.SESSION
    if "scalar" in names:
        yield _fill(script_cells.TOGETHER, NAME=names["scalar"][0])
    yield from _analysis_cells(run, analyses) if damage is None else [damage]
    yield script_cells.SHOW


def _metadata_of(run: Run, closures: Iterable[Closure]) -> str:
    """What analyses import, and where they import modules of the archive, what those do."""
    modules = {name for closure in closures for name in closure.imports}
    if not modules:
        return metadata_block()
    own = {part for name in run.code for part in name.removesuffix(".py").split("/")}
    if any(name.partition(".")[0] in own for name in modules):
        modules.update(*(imported_modules(*item) for item in run.code.items()))
    try:
        packages = run.environment.get("packages")
    except DamagedArchive:
        packages = None
    foreign = [name for name in modules if name.partition(".")[0] not in own]
    return metadata_block(foreign, packages if isinstance(packages, dict) else {})


def _title_cell(run: Run) -> str:
    lines = ["# %%", "# This script starts from one run of an experiment. Change it as you like."]
    lines.append("#")
    lines.append(comment("experiment", run.node_id))
    if run.description:
        lines.append(comment("about", run.description))
    duration = "" if run.duration is None else f" after {human_duration(run.duration)}"
    lines.append(
        comment("run", f"{run.id}, {run.status}{duration}, {run.started:%Y-%m-%d %H:%M:%S}")
    )
    if run.tags:
        lines.append(comment("tags", ", ".join(run.tags)))
    if run.note:
        lines.append(comment("note", run.note))
    if run.failure:
        lines.append(comment("failed with", run.failure))
    return "\n".join(lines)


def _values_cell(run: Run) -> str:
    """The cell of parameters, with what is said of each in a comment."""
    try:
        words = run.words
    except DamagedArchive:
        words = {}
    lines = [comment("parameter", f"{name}: {words_text(said)}") for name, said in words.items()]
    head, _, rest = script_cells.VALUES.strip("\n").partition("\n")
    return "\n".join([head, *lines[:_MOST_NAMES], rest])


def _kind_cell(template: str, names: Sequence[str]) -> str:
    shown = names[:_MOST_NAMES]
    cell = _fill(template, NAMES=shown, FIRST=shown[0]).rstrip()
    left_out = len(names) - len(shown)
    return f"{cell}\n# {left_out:,} more of them are in list(run.series)" if left_out else cell


def _fill(template: str, **values: Any) -> str:
    """The template with its words in capitals replaced by the literals of values, all at once."""

    def filled(word: re.Match[str]) -> str:
        return literal(values[word[0]]) if word[0] in values else word[0]

    return _CAPITALS.sub(filled, template)


def _read_closures(run: Run) -> tuple[list[tuple[dict[str, Any], Closure | None]], str | None]:
    """The run's analyses, each with what it needs; or the cell that tells why they are unknown."""
    try:
        entries = read_analyses(run.path)
    except DamagedArchive as error:
        return [], f"# %% analysis\n{comment('damaged', error.what)}"
    return [(entry, _closure_of(run, entry)) for entry in entries], None


def _analysis_cells(
    run: Run, closures: Sequence[tuple[dict[str, Any], Closure | None]]
) -> Iterator[str]:
    if any(_imports_own(run, closure) for _, closure in closures if closure is not None):
        own = [str(entry.get("path")).rpartition("/")[0] for entry, _ in closures]
        folders = [name.rpartition("/")[0] for name in run.code if name.endswith(".py")]
        yield _fill(
            script_cells.CODE_PATH,
            ROOTS=list(_ROOTS),
            FOLDERS=list(dict.fromkeys([*own, *folders])),
        )
    for entry, closure in closures:
        where = comment(
            "%% analysis", f"{entry['name']} of {entry.get('path')}, as it was at the run"
        )
        if closure is None:
            yield f"{where}\n# Its source is not in the archive."
            continue
        argument = "expt.load(run_folder)" if "run" in closure.names else "run"
        yield f"{where}\n{closure.text}\n\n\n{closure.function}({argument})"


def _closure_of(run: Run, entry: dict[str, Any]) -> Closure | None:
    """What the archived module defines under the name; None where it is not there."""
    path = entry.get("path")
    module = run.code.get(path) if isinstance(path, str) else None
    return None if module is None else find_closure(module, str(path), entry["name"])


def _imports_own(run: Run, closure: Closure) -> bool:
    """Whether a closure imports a module that the archive has."""
    modules = {name.removesuffix(".py") for name in run.code if name.endswith(".py")}
    parts = {part for module in modules for part in module.split("/")}
    return any(name.partition(".")[0] in parts for name in closure.imports)
