"""A two-layer network in plain numpy, and how close it comes to the best possible classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Adam:
    """Kingma and Ba, arXiv:1412.6980."""

    learning_rate: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999


def experiment_network(
    track,
    progress,
    hooks,
    rng,
    dataset,
    hidden: int = 48,
    epochs: int = 1500,
    points: int = 600,
    pictures: int = 20,
    optimizer: Adam = Adam(),
):
    """Accuracy of a small network against the Bayes classifier of its data."""

    def features(places):
        return hooks.filter("features", places)

    places, classes = dataset.sample(points, rng)
    inputs, targets = features(places), classes[:, None]
    weights = [
        rng.normal(0, 1, (inputs.shape[1], hidden)),
        rng.normal(0, 1, hidden),
        rng.normal(0, hidden**-0.5, (hidden, 1)),
        np.zeros(1),
    ]
    means, squares = ([np.zeros_like(w) for w in weights] for _ in range(2))

    for epoch in progress(range(1, epochs + 1)):
        activity, output = forward(weights, inputs)
        error = (output - targets) / points
        back = error @ weights[2].T * (1 - activity**2)
        gradients = [inputs.T @ back, back.sum(0), activity.T @ error, error.sum(0)]
        for w, mean, square, gradient in zip(weights, means, squares, gradients, strict=True):
            mean += (1 - optimizer.beta1) * (gradient - mean)
            square += (1 - optimizer.beta2) * (gradient**2 - square)
            rate = optimizer.learning_rate / (1 - optimizer.beta1**epoch)
            w -= rate * mean / (np.sqrt(square / (1 - optimizer.beta2**epoch)) + 1e-8)

        track("loss", cross_entropy(output, targets), step=epoch)
        if epoch % max(1, epochs // pictures) == 0:
            wrong = np.count_nonzero((output > 0.5) != targets)
            track("accuracy", 1 - wrong / points, step=epoch)
            track("report", f"epoch {epoch}: {wrong} of {points} points wrong", step=epoch)
            track("boundary", draw(weights, features, places, classes, epoch), step=epoch)
            hooks.call("after_epochs", epoch=epoch, weights=weights, track=track)

    track("weights", np.vstack([weights[0], weights[1], weights[2].T]))
    fresh, truth = dataset.sample(4000, rng)
    value = np.mean((forward(weights, features(fresh))[1] > 0.5)[:, 0] == truth)
    exact = np.mean(dataset.bayes(fresh) == truth)
    return {"value": value, "exact": exact, "error": abs(value - exact)}


def forward(weights, inputs):
    """The activity of the hidden layer, and the probability of the second class."""
    activity = np.tanh(inputs @ weights[0] + weights[1])
    return activity, 1 / (1 + np.exp(-(activity @ weights[2] + weights[3])))


def cross_entropy(output, targets):
    """The mean surprise at the true class, in nats."""
    return -np.mean(np.log(np.abs(1 - targets - output) + 1e-12))


def draw(weights, features, places, classes, epoch):
    """The probability of the second class over the plane, and the points."""
    line = np.linspace(-2.5, 2.5, 80)
    plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    output = forward(weights, features(plane))[1].reshape(80, 80)
    figure = Figure(figsize=(4, 4), dpi=90)
    axes = figure.subplots()
    axes.contourf(line, line, output, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.8)
    axes.scatter(*places.T, c=classes, s=6, cmap="RdBu", edgecolors="black", linewidths=0.3)
    axes.set(aspect="equal", title=f"epoch {epoch}")
    return figure
