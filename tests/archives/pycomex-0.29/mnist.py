"""Train a classifier.

What follows is no part of the short description.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from pycomex.functional.experiment import Experiment
from pycomex.utils import file_namespace, folder_path

# :param LEARNING_RATE:
#       How far a step goes.
LEARNING_RATE: float = 0.1
EPOCHS: int = 3
OPTIMIZER: dict = {"name": "adam", "betas": [0.9, 0.999], "clip": None}
MODEL = object()

__DEBUG__ = False
__NOTIFY__ = False

experiment = Experiment(
    base_path=folder_path(__file__), namespace=file_namespace(__file__), glob=globals()
)


@experiment
def experiment(e):
    e.log("begins")
    for epoch in range(e.EPOCHS):
        e.track("loss", 1.0 / (epoch + 1))
        figure, axes = plt.subplots(figsize=(1, 1), dpi=50)
        axes.plot([epoch, 2])
        e.track("curve", figure)
        plt.close(figure)
    e.track("epochs", 3)
    e["metrics/accuracy"] = 0.5
    e["confusion"] = np.arange(4).reshape(2, 2)
    e["nothing"] = float("nan")
    e.commit_json("report.json", {"a": 1})
    e.commit_raw("notes.txt", "a note")
    os.makedirs(os.path.join(e.path, "models"))
    with e.open("models/weights.bin", mode="wb") as file:
        file.write(bytes(range(16)))


@experiment.analysis
def analysis(e):
    e.log("analysed")


experiment.run_if_main()
