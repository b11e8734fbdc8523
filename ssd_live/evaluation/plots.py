"""Draw plots with matplotlib: precision over recall, and the course of a training run."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ssd_live.evaluation.evaluate import Evaluation
from ssd_live.imaging.plotting import new_figure, save_figure

_COLUMNS, _PANEL_INCHES = 4, 3.0
_MOST_PANELS = 24


def precision_recall(path: Path, evaluations: Mapping[str, Evaluation]) -> None:
    """Save a plot of precision over recall, with a panel for each class and a line for each model.

    `path` is the file to write (`.png`, `.svg` or `.pdf`). `evaluations` maps the name of each
    model to its evaluation. Classes whose average precision is nan for all models are left out. If
    there are more than 24 classes, the 24 with the lowest average precision of the first model are
    shown. Raises `MissingPackageError` if matplotlib is not installed, and `OutputError` if the
    file cannot be written.
    """
    first = next(iter(evaluations.values()))
    names = [
        name
        for name in first.classes
        if any(not np.isnan(evaluation.precision[name]) for evaluation in evaluations.values())
    ]
    names = sorted(names, key=lambda name: np.nan_to_num(first.precision[name]))[:_MOST_PANELS]
    columns = max(1, min(_COLUMNS, len(names)))
    rows = max(1, math.ceil(len(names) / columns))
    figure = new_figure(columns * _PANEL_INCHES, rows * _PANEL_INCHES)
    for number, name in enumerate(names, 1):
        axes = figure.add_subplot(rows, columns, number)
        for label, evaluation in evaluations.items():
            curve = evaluation.curves[name]
            if not np.isnan(evaluation.precision[name]):
                # Each precision is drawn for the recalls from the one before it to its own.
                recall, precision = (
                    np.concatenate([[0.0], curve.recall]),
                    np.concatenate([[1.0], curve.precision]),
                )
                axes.step(
                    recall,
                    precision,
                    where="pre",
                    label=f"{label}: {100 * evaluation.precision[name]:.1f}",
                )
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
        # A dollar sign in a class name must not start a formula, and a character that cannot be
        # printed would break an SVG file.
        axes.set_title(
            "".join(letter if letter.isprintable() else "?" for letter in name), parse_math=False
        )
        axes.grid(alpha=0.3)
        axes.legend(fontsize=6, loc="lower left")
    save_figure(figure, path)


def precision_over_speed(path: Path, points: Mapping[str, tuple[float, float]]) -> None:
    """Save a plot with a point for each detector: its mean average precision over its speed.

    `path` is the file to write (`.png`, `.svg` or `.pdf`). `points` maps the name of a detector to
    its frames per second and its mean average precision, 0 to 1. Raises `MissingPackageError` if
    matplotlib is not installed, and `OutputError` if the file cannot be written.
    """
    figure = new_figure(6, 4)
    axes = figure.add_subplot()
    handles = [axes.scatter([speed], [100 * precision]) for speed, precision in points.values()]
    axes.set(xscale="log", xlabel="frames per second", ylabel="mAP (%)")
    axes.margins(0.2)
    axes.grid(alpha=0.3)
    legend = axes.legend(handles, list(points), fontsize=8)
    for text in legend.get_texts():
        # A dollar sign in a name must not start a formula.
        text.set_parse_math(False)
    save_figure(figure, path)


def training_curves(path: Path, log: Path) -> None:
    """Save a plot of the two losses and of the validation mAP over the steps of a training run.

    `path` is the file to write (`.png`, `.svg` or `.pdf`), and `log` is the `log.csv` of the run.
    If there was no validation, the learning rate is shown instead of the mAP. Raises
    `MissingPackageError` if matplotlib is not installed, and `OutputError` if the file cannot be
    written.
    """
    with log.open(newline="", encoding="utf-8") as file:
        # The last line of an interrupted run may be incomplete.
        rows = [row for row in csv.DictReader(file) if row["validation_map"] is not None]
    steps = [int(row["step"]) for row in rows]
    figure = new_figure(9, 3.4)
    losses, scores = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    parts = {part: [float(row[part]) for row in rows] for part in ("localisation", "confidence")}
    for part, values in parts.items():
        losses.plot(steps, values, label=part)
    positive = any(0 < value < math.inf for values in parts.values() for value in values)
    losses.set(xlabel="step", ylabel="loss", yscale="log" if positive else "linear")
    losses.legend()
    validated = [
        (step, float(row["validation_map"]))
        for step, row in zip(steps, rows, strict=True)
        if row["validation_map"]
    ]
    if validated:
        scores.plot(*zip(*validated, strict=True), marker="o", color="tab:green")
        scores.set(xlabel="step", ylabel="validation mAP", ylim=(0, 1))
    else:
        scores.plot(steps, [float(row["learning_rate"]) for row in rows], color="tab:grey")
        scores.set(xlabel="step", ylabel="learning rate")
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
    save_figure(figure, path)
