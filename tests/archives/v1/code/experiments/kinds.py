"""One entry of everything that an archive of format 1 can hold."""

import datetime
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def experiment_kinds(
    track,
    results,
    archive,
    log,
    lr: float = 0.1,
    name: str = "007",
    nothing: int | None = None,
    table: dict = {"a": 1, "b": [1, 2]},  # noqa: B006
    when: datetime.date = datetime.date(2026, 1, 2),
    where: Path = Path("data/x"),
    wild: float = float("nan"),
    seed: int = 3,
):
    """Every kind of value, once or twice."""
    print("printed")
    log.info("logged")
    for step in range(4):
        track("loss", lr / (step + 1), step=step)
    track("count", 2**53 + 1)
    track("odd/name é", float("inf"))
    track("picture", np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    track("grid", np.arange(6.0).reshape(2, 3))
    track("words", "two\nlines")
    track("table", {"accuracy": 0.5, "nested": {"deep": 1}})
    figure = Figure(figsize=(1, 1), dpi=40)
    figure.subplots().plot([0, 1])
    track("figure", figure)
    archive.save("model.npz", {"w": np.ones(2)})
    archive.save("notes/a b.json", {"x": [1, 2]})
    results["date"] = when
    return {"value": 1.5, "infinite": float("-inf"), "path": where}


def analysis_kinds(run):
    run.save("summary.txt", f"{run.results['value']}")
