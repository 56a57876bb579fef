"""The cells of the scripts that expt writes, as templates.

Words in capitals are replaced by values, by `script.literal` alone.
"""

from __future__ import annotations

from typing import Final

LOAD: Final = """
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

VALUES: Final = """
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

KIND_CELLS: Final = {
    "scalar": _SCALARS,
    "image": _PICTURES.replace("KIND", "Images").replace("VARIABLE", "images"),
    "figure": _PICTURES.replace("KIND", "Figures").replace("VARIABLE", "figures"),
    "array": _ARRAYS,
    "structured": _STRUCTURES,
    "text": _TEXTS,
}

ARTIFACTS: Final = """
# %% Artifacts: files that the experiment saved
# run.artifacts[name].load() reads the formats that expt writes.
for name, artifact in run.artifacts.items():
    print(f"{name!r}: {artifact.path.relative_to(run.path)}")
"""

SESSION: Final = """
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

TOGETHER: Final = """
# %% One series of all of them, in one figure
if len(session) > 1:
    session.plot(NAME)
"""

SESSION_LOAD: Final = """
# %%
from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

import expt

try:
    archive_root = Path(__file__).resolve().parents[2]
except NameError:  # opened as a notebook
    archive_root = Path.cwd().parents[1]

"""

SESSION_RUNS: Final = """\
session = expt.runs(archive_root).filter(lambda run: run.lineage.get("session") == SESSION)
print(session)
"""

RESUMED_RUNS: Final = """\
earlier = EARLIER  # done before, and not run again
session = expt.runs(archive_root).filter(
    lambda run: run.lineage.get("session") == SESSION or run.id in earlier
)
print(session)
"""

SHOW_FUNCTION: Final = """
def show(figure):
    \"\"\"Have plt.show() open a figure that expt drew.\"\"\"
    manager = plt.figure(figsize=figure.get_size_inches()).canvas.manager
    manager.canvas.figure = figure
    figure.set_canvas(manager.canvas)
"""

RUNS_LOAD: Final = """
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

SESSION_VALUES: Final = """
# %% What differs between the runs of one experiment
# runs.table() has everything, runs.best("loss", min) the best run.
runs = session.filter(lambda run: run.experiment == EXPERIMENT)
print(runs.compare())
"""

SESSION_CURVES: Final = """
# %% One series of all of them
# color="lr" colours by another value, band="seed" averages over it.
show(runs.plot(NAME))
"""

CODE_PATH: Final = """
# %% The user's own modules, as the archive has them
import sys

sys.dont_write_bytecode = True  # an archive stays as it is
sys.path[:0] = [str(run.path / "code" / folder) for folder in ROOTS]
sys.path += [str(run.path / "code" / folder) for folder in FOLDERS]
"""

SHOW: Final = """
# %%
plt.show()
"""
