"""Batches for training: which images when, read and augmented by worker processes, the same for the
same seed however it is resumed.
"""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ssd_live.datasets.types import LabelledImage
from ssd_live.errors import MediaError
from ssd_live.imaging.image_files import read_image
from ssd_live.models.multibox_loss import Target
from ssd_live.training.augment import Example, augment, resized

# A box thinner than this part of the image is what a cut left of an object; its logarithm would be
# a wild target.
_THINNEST = 1e-3


@dataclass(frozen=True)
class InputSpec:
    """What the network sees: size (width, height) and the mean colour (BGR) onto which images are
    zoomed out.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    augments: bool = True
    use_ignored: bool = True


@dataclass(frozen=True)
class Batch:
    """Images (B, 3, H, W) uint8 RGB, their targets and names; `unreadable` are lines about images
    that were left out.
    """

    images: Tensor
    targets: list[Target]
    names: list[str]
    unreadable: list[str]


class BatchOrder(Sampler[list[tuple[int, int]]]):
    """Batches of (image, turn) from batch `start` on: every image once a turn, each turn in another
    order, without end up to `steps`.

    Rank r of `world` gets its own share of every batch.
    """

    def __init__(
        self,
        images: int,
        batch: int,
        steps: int,
        seed: int,
        *,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._images, self._batch, self._steps, self._seed = images, batch, steps, seed
        self._start, self._rank, self._world = start, rank, world

    def __len__(self) -> int:
        return max(self._steps - self._start, 0)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order: dict[int, list[int]] = {}
        for step in range(self._start, self._steps):
            places = range(step * self._batch + self._rank, (step + 1) * self._batch, self._world)
            batch = []
            for place in places:
                turn, index = divmod(place, self._images)
                if turn not in order:
                    order = {known: values for known, values in order.items() if known == turn - 1}
                    order[turn] = (
                        np.random.default_rng((self._seed, turn)).permutation(self._images).tolist()
                    )
                batch.append((order[turn][index], turn))
            yield batch


class Examples(Dataset[tuple[Tensor, Target, str] | str]):
    """Read and augmented examples by (image, turn); a line instead of an image that
    cannot be read.
    """

    def __init__(self, images: Sequence[LabelledImage], view: InputSpec, seed: int) -> None:
        self._images = images
        self._view = view
        self._seed = seed

    def __getitem__(self, place: tuple[int, int]) -> tuple[Tensor, Target, str] | str:
        index, turn = place
        labelled = self._images[index]
        try:
            image = read_image(labelled.path).planes[0]
        except MediaError as error:
            return str(error)
        kept = np.full(len(labelled.classes), True) if self._view.use_ignored else ~labelled.ignored
        height, width = image.shape[:2]
        boxes = np.clip(labelled.boxes[kept], 0, [width, height, width, height]).astype(np.float32)
        example = Example(image, boxes, labelled.classes[kept])
        example = example.kept(_solid(example.boxes / [width, height, width, height]))
        if self._view.augments:
            # By place, not by order: whichever process makes it, and whenever, it is the same
            # example.
            example = augment(
                example,
                self._view.size,
                self._view.mean,
                np.random.default_rng((self._seed, turn, index)),
            )
        else:
            example = resized(example, self._view.size)
        return *_tensors(example, self._view.size), str(labelled.path)


def _tensors(example: Example, size: tuple[int, int]) -> tuple[Tensor, Target]:
    boxes = example.boxes / np.array([*size, *size], np.float32)
    solid = _solid(boxes)
    rgb = torch.from_numpy(np.ascontiguousarray(example.image[..., ::-1].transpose(2, 0, 1)))
    # The background is class 0 of the loss.
    return rgb, Target(
        torch.from_numpy(boxes[solid].astype(np.float32)),
        torch.from_numpy(example.classes[solid] + 1),
    )


def _solid(boxes: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(((boxes[:, 2:] - boxes[:, :2]) > _THINNEST).all(1))


def collate(items: Sequence[tuple[Tensor, Target, str] | str]) -> Batch:
    read = [item for item in items if not isinstance(item, str)]
    images = (
        torch.stack([image for image, _, _ in read])
        if read
        else torch.zeros(0, 3, 1, 1, dtype=torch.uint8)
    )
    return Batch(
        images,
        [target for _, target, _ in read],
        [name for _, _, name in read],
        [item for item in items if isinstance(item, str)],
    )


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)


def batches(examples: Examples, order: BatchOrder, workers: int) -> Iterator[Batch]:
    """In order; `workers` processes read ahead. Called by the main thread."""
    loader: DataLoader[Batch] = DataLoader(
        examples,  # type: ignore[arg-type]
        batch_sampler=order,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_one_thread,
        persistent_workers=False,
        multiprocessing_context="spawn" if workers else None,
    )
    # Ctrl-C reaches every process of a terminal; what the network still needs for its last step
    # must not end before it.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # The workers are started here, and inherit it.
        iterator = iter(loader)
    finally:
        signal.signal(signal.SIGINT, handler)
    yield from iterator
