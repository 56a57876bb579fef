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
        write_atomically(path, write_session_script(session_id, groups).encode())
        return [path]


def write_session_script(session_id: str, groups: Mapping[str, Sequence[str]]) -> str:
    """The text of a session's `analysis.py`; `groups` has the series of each experiment."""
    cells = [
        metadata_block(),
        "# %%\n# This script starts from all runs of a session. Change it as you like.\n#\n"
        + comment("session", session_id),
        _fill(_SESSION_LOAD, SESSION=session_id),
    ]
    return _script_of_many(cells, groups)


def write_runs_script(runs: Runs) -> str:
    """The text of a script that starts from all of `runs`, wherever they are."""
    cells = [
        metadata_block(),
        "# %%\n# This script starts from many runs. Change it as you like.\n#\n"
        + comment("runs", str(len(runs))),
        _fill(_RUNS_LOAD, PATHS=[str(run.path.absolute()) for run in runs]),
    ]
    return _script_of_many(cells, _series_of(runs))


def _series_of(runs: Runs) -> dict[str, list[str]]:
    """The series of each experiment that can be drawn in one figure, those of one entry aside."""
    return {experiment: curves_of(those)[:_MOST_NAMES] for experiment, those in alike(runs).items()}


def _script_of_many(cells: list[str], groups: Mapping[str, Sequence[str]]) -> str:
    """A script whose first cells make `session`: tables and curves of each experiment in it."""
    cells.append(_SHOW_FUNCTION)
    for experiment, names in groups.items():
        cells.append(_fill(_SESSION_VALUES, EXPERIMENT=experiment))
        cells += [_fill(_SESSION_CURVES, NAME=name) for name in names]
    return _sealed([*cells, _SHOW])


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
    yield _fill(_LOAD, ID=reference)
    yield _values_cell(run)
    for kind, template in _KIND_CELLS.items():
        if kind in names:
            yield _kind_cell(template, names[kind])
    if run.artifacts:
        yield _ARTIFACTS
    yield _SESSION
    if "scalar" in names:
        yield _fill(_TOGETHER, NAME=names["scalar"][0])
    yield from _analysis_cells(run, analyses) if damage is None else [damage]
    yield _SHOW


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
    head, _, rest = _VALUES.strip("\n").partition("\n")
    return "\n".join([head, *lines[:_MOST_NAMES], rest])


def _kind_cell(template: str, names: Sequence[str]) -> str:
    shown = names[:_MOST_NAMES]
    cell = _fill(template, NAMES=shown, FIRST=shown[0]).rstrip()
    left_out = len(names) - len(shown)
    return f"{cell}\n# {left_out:,} more of them are in list(run.series)" if left_out else cell


def _fill(template: str, **values: Any) -> str:
    """The template with its words in capitals replaced by the literals of values, all at once."""
    words = "|".join(values)
    return re.sub(rf"\b({words})\b", lambda word: literal(values[word[0]]), template)


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
        yield _fill(_CODE_PATH, ROOTS=list(_ROOTS), FOLDERS=list(dict.fromkeys([*own, *folders])))
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


# The cells. Words in capitals are replaced, by `literal` alone.

_LOAD: Final = """
# %%
from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import expt

try:
    run_folder = Path(__file__).resolve().parent
except NameError:  # opened as a notebook
    run_folder = Path.cwd()
    if not (run_folder / "run.json").is_file():
        run_folder = expt.load(ID).path

run = expt.load(run_folder)
print(run)
"""

_VALUES: Final = """
# %% Parameters and results
# run.origins[name] lists what set a value, the strongest first, with file and line.
for name, value in run.params.items():
    unit = run.words.get(name, {}).get("unit")
    unit = f" {repr(unit)[1:-1]}" if unit else ""
    origins = run.origins.get(name)
    print(f"params[{name!r}] = {value!r}{unit}" + (f"  ({origins[0].layer})" if origins else ""))

for name, value in run.results.items():
    print(f"results[{name!r}] = {value!r}")

# Also here: run.environment, run.log, run.code, run.lineage, run.error
"""

_SCALARS: Final = """
# %% Scalars
# .values, .steps and .times are numpy arrays; .last is the last value.
# run.plot(FIRST) gives the plot that expt draws, as a matplotlib Figure.
scalars = NAMES

columns = min(3, len(scalars))
rows = -(-len(scalars) // columns)
fig, axes = plt.subplots(
    rows, columns, figsize=(4 * columns, 2.6 * rows), squeeze=False, layout="constrained"
)
for ax, name in zip(axes.flat, scalars):
    series = run.series[name]
    ax.plot(series.steps, series.values)
    ax.set_title(repr(name)[1:-1], parse_math=False)
    ax.set_xlabel("step")
for ax in axes.flat[len(scalars) :]:
    ax.set_visible(False)
"""

_PICTURES: Final = """
# %% KIND: the first, the middle and the last
# .values is read on demand: .values[i] is the uint8 array of entry i, tracked at .steps[i].
# run.plots[name] has the paths of the still and of the video.
VARIABLE = NAMES

for name in VARIABLE[:4]:
    series = run.series[name]
    chosen = sorted({0, len(series) // 2, len(series) - 1}) if len(series) else []
    fig, axes = plt.subplots(1, max(len(chosen), 1), figsize=(9, 3.4), squeeze=False)
    fig.suptitle(repr(name)[1:-1], parse_math=False)
    for ax, index in zip(axes.flat, chosen):
        picture = series.values[index]
        if picture.ndim == 3 and picture.shape[2] == 2:
            picture = picture[:, :, 0]  # grey, without its transparency
        ax.imshow(picture, cmap="gray")
        ax.set_title(f"step {series.steps[index]}")
        ax.axis("off")
"""

_ARRAYS: Final = """
# %% Arrays
# .values is read on demand: .values[i] is the array of entry i, tracked at .steps[i].
# np.stack(list(series.values)) is all of them in one, where their shapes agree.
arrays = NAMES

for name in arrays[:4]:
    series = run.series[name]
    if not len(series):
        continue
    last = series.values[-1]
    print(f"{name!r}: {len(series)} arrays, the last of shape {last.shape}, {last.dtype}")
    if last.dtype.kind in "biuf" and last.size and last.ndim in (1, 2):
        fig, ax = plt.subplots()
        ax.set_title(repr(name)[1:-1], parse_math=False)
        if last.ndim == 1:
            ax.plot(last)
        else:
            fig.colorbar(ax.imshow(last))
"""

_STRUCTURES: Final = """
# %% Structured values
# .values holds dicts and lists; the numbers inside are series of their own in .leaves,
# and run.series["name/key"] finds them too.
structures = NAMES

for name in structures:
    series = run.series[name]
    print(f"{name!r}: {len(series)} entries, the last {series.last!r:.300}")
    for path, leaf in list(series.leaves.items())[:20]:
        print(f"  {path!r}: {leaf.last}")
"""

_TEXTS: Final = """
# %% Texts
texts = NAMES

for name in texts:
    series = run.series[name]
    for step, text in list(zip(series.steps, series.values))[-5:]:
        print(f"{name!r} at step {step}: {text!r:.300}")
"""

_KIND_CELLS: Final = {
    "scalar": _SCALARS,
    "image": _PICTURES.replace("KIND", "Images").replace("VARIABLE", "images"),
    "figure": _PICTURES.replace("KIND", "Figures").replace("VARIABLE", "figures"),
    "array": _ARRAYS,
    "structured": _STRUCTURES,
    "text": _TEXTS,
}

_ARTIFACTS: Final = """
# %% Artifacts: files that the experiment saved
# run.artifacts[name].load() reads the formats that expt writes.
for name, artifact in run.artifacts.items():
    print(f"{name!r}: {artifact.path.relative_to(run.path)}")
"""

_SESSION: Final = """
# %% The other runs of the same session
# expt.runs(since="2 days ago", status="completed") finds runs of any experiment.
found = []
for path in sorted(run.path.parent.glob("*/run.json"))[-500:]:
    try:
        other = expt.load(path)
    except expt.ExptError:
        continue
    if other.lineage.get("session") == run.lineage.get("session"):
        found.append(other)

session = expt.Runs(found)
if len(session) > 1:
    print(session.compare())  # what differs; session.table() has everything
"""

_TOGETHER: Final = """
# %% One series of all of them, in one figure
if len(session) > 1:
    session.plot(NAME)
"""

_SESSION_LOAD: Final = """
# %%
from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

import expt

try:
    archive_root = Path(__file__).resolve().parents[2]
except NameError:  # opened as a notebook
    archive_root = Path.cwd().parents[1]

session = expt.runs(archive_root).filter(lambda run: run.lineage.get("session") == SESSION)
print(session)
"""

_SHOW_FUNCTION: Final = """
def show(figure):
    \"\"\"Have plt.show() open a figure that expt drew.\"\"\"
    manager = plt.figure(figsize=figure.get_size_inches()).canvas.manager
    manager.canvas.figure = figure
    figure.set_canvas(manager.canvas)
"""

_RUNS_LOAD: Final = """
# %%
from __future__ import annotations

import matplotlib.pyplot as plt

import expt

found = []
for path in PATHS:
    try:
        found.append(expt.load(path))
    except expt.ExptError as error:
        print(error)  # it was moved, or is damaged

session = expt.Runs(found)
print(session)
"""

_SESSION_VALUES: Final = """
# %% What differs between the runs of one experiment
# runs.table() has everything, runs.best("loss", min) the best run.
runs = session.filter(lambda run: run.experiment == EXPERIMENT)
print(runs.compare())
"""

_SESSION_CURVES: Final = """
# %% One series of all of them
# color="lr" colours by another value, band="seed" averages over it.
show(runs.plot(NAME))
"""

_CODE_PATH: Final = """
# %% The user's own modules, as the archive has them
import sys

sys.dont_write_bytecode = True  # an archive stays as it is
sys.path[:0] = [str(run.path / "code" / folder) for folder in ROOTS]
sys.path += [str(run.path / "code" / folder) for folder in FOLDERS]
"""

_SHOW: Final = """
# %%
plt.show()
"""
