# %%
# This script starts from one run of an experiment. Change it as you like.
#
# experiment: experiments/kinds.py::experiment_kinds
# about: Every kind of value, once or twice.
# run: igq4icpleq, completed after 1.0s, 2026-11-23 15:52:41
# tags: first
# note: a fixture


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
        run_folder = expt.load("igq4icpleq").path

run = expt.load(run_folder)
print(run)


# %% Parameters and results
# run.origins[name] lists what set a value, the strongest first, with file and line.
for name, value in run.params.items():
    origins = run.origins.get(name)
    print(f"params[{name!r}] = {value!r}" + (f"  ({origins[0].layer})" if origins else ""))

for name, value in run.results.items():
    print(f"results[{name!r}] = {value!r}")

# Also here: run.environment, run.log, run.code, run.lineage, run.error


# %% Scalars
# .values, .steps and .times are numpy arrays; .last is the last value.
# run.plot("loss") gives the plot that expt draws, as a matplotlib Figure.
scalars = ["loss", "count", "odd/name é"]

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


# %% Images: the first, the middle and the last
# .values is read on demand: .values[i] is the uint8 array of entry i, tracked at .steps[i].
# run.plots[name] has the paths of the still and of the video.
images = ["picture"]

for name in images[:4]:
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


# %% Figures: the first, the middle and the last
# .values is read on demand: .values[i] is the uint8 array of entry i, tracked at .steps[i].
# run.plots[name] has the paths of the still and of the video.
figures = ["figure"]

for name in figures[:4]:
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


# %% Arrays
# .values is read on demand: .values[i] is the array of entry i, tracked at .steps[i].
# np.stack(list(series.values)) is all of them in one, where their shapes agree.
arrays = ["grid"]

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


# %% Structured values
# .values holds dicts and lists; the numbers inside are series of their own in .leaves,
# and run.series["name/key"] finds them too.
structures = ["table"]

for name in structures:
    series = run.series[name]
    print(f"{name!r}: {len(series)} entries, the last {series.last!r:.300}")
    for path, leaf in list(series.leaves.items())[:20]:
        print(f"  {path!r}: {leaf.last}")


# %% Texts
texts = ["words"]

for name in texts:
    series = run.series[name]
    for step, text in list(zip(series.steps, series.values))[-5:]:
        print(f"{name!r} at step {step}: {text!r:.300}")


# %% Artifacts: files that the experiment saved
# run.artifacts[name].load() reads the formats that expt writes.
for name, artifact in run.artifacts.items():
    print(f"{name!r}: {artifact.path.relative_to(run.path)}")


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


# %% One series of all of them, in one figure
if len(session) > 1:
    session.plot("loss")


# %% analysis: analysis_kinds of experiments/kinds.py, as it was at the run
def analysis_kinds(run):
    run.save("summary.txt", f"{run.results['value']}")


analysis_kinds(run)


# %%
plt.show()

# expt: made by expt fd0dc0b5c7445133; once edited, expt leaves it as it is
