"""Does data loading keep up with the network? Images a second of each, apart and together.

    python tools/bench_training.py RECIPE --data FOLDER [--set key=value] [--device cpu] [--rounds
    3] [--batches 8]

Loading is reading, decoding and augmenting in one process; what training asks of it is one step
forward, loss, backward and update on batches that are already there. The two take turns, so that a
noisy machine bothers both alike.
"""

import argparse
import math
import statistics
import sys
import time
from pathlib import Path

import cv2
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ssd_live.datasets.load import load_data
from ssd_live.datasets.types import DataSet
from ssd_live.system import machine
from ssd_live.training.feed import Batch, BatchOrder, Examples, InputSpec, collate
from ssd_live.training.recipe import Recipe, read_recipe
from ssd_live.training.start import begin
from ssd_live.training.trainer import Place, Trainer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], dest="changes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=8)
    options = parser.parse_args()
    recipe = read_recipe(options.recipe, options.changes)
    data = load_data(options.data)
    trainer = Trainer(
        recipe,
        data,
        begin(recipe.model, len(data.classes) + 1),
        Place(Path()),
        device=options.device,
    )
    loading, stepping = [], []
    for number in range(options.rounds):
        batches, speed = _load(recipe, data, trainer.view, options.batches, number)
        loading.append(speed)
        stepping.append(_train(trainer, batches))
        print(
            f"round {number + 1}: loading {loading[-1]:.1f} images/s in one process, training "
            f"{stepping[-1]:.1f} images/s",
            flush=True,
        )
    load, step = statistics.median(loading), statistics.median(stepping)
    device = (
        torch.cuda.get_device_name()
        if options.device.startswith("cuda")
        else f"{machine.cpu_name()}, {machine.available_cores()} cores"
    )
    print(
        f"{recipe.model.network}, batch {recipe.train.batch}, {recipe.train.precision}, {device}, "
        f"torch {torch.__version__}"
    )
    print(f"median: one loading process feeds {load / step:.2f} times what training consumes")
    print(f"{step:.2f} FPS")


def _train(trainer: Trainer, batches: list[Batch]) -> float:
    """The first step warms up. The loss is asked for after each, which waits for the device."""
    learned = trainer.learn(batches)
    next(learned)
    started = time.perf_counter()
    steps = sum(math.isfinite(loss) for loss in learned)
    return steps * len(batches[0].images) / (time.perf_counter() - started)


def _load(
    recipe: Recipe, data: DataSet, view: InputSpec, count: int, number: int
) -> tuple[list[Batch], float]:
    cv2.setNumThreads(0)
    examples = Examples(data.images, view, recipe.train.seed)
    order = BatchOrder(
        len(data), recipe.train.batch, (number + 1) * count, recipe.train.seed, start=number * count
    )
    started = time.perf_counter()
    batches = [collate([examples[place] for place in batch]) for batch in order]
    return batches, count * recipe.train.batch / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
