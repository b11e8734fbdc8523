"""Make the batches for training in worker processes, which read and augment the images.

The batches depend only on the data, the settings and the seed, so a resumed run gets the same ones.
"""

import functools
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ssd_live.datasets.types import LabelledImage
from ssd_live.errors import MediaError
from ssd_live.imaging.image_files import read_image, read_reduced_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.models.multibox_loss import Target
from ssd_live.system.signals import child_ends_unreported, terminal_kept_from_children
from ssd_live.training.augment import (
    SMALLEST_PATCH,
    USUAL,
    Example,
    Style,
    augment,
    mosaic,
    resized,
)

# A box thinner than this share of the image is the remainder of a cut object. It is left out,
# because the logarithm of its size would be an extreme target.
_THINNEST = 1e-3


@dataclass(frozen=True)
class InputSpec:
    """The input that a network takes, and how training images are turned into it.

    `size` is (width, height) of the input in pixels. `mean` is the colour (BGR, 0..255) of the
    canvas when an image is zoomed out. Images are augmented if `augments` is true, in the given
    `style`. Objects that evaluation ignores are used in training if `use_ignored` is true. `mosaic`
    is how often, 0 to 1, an augmented image is a mosaic of four.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    augments: bool = True
    use_ignored: bool = True
    style: Style = USUAL
    mosaic: float = 0.0


@dataclass(frozen=True)
class Batch:
    """A batch of B training images.

    `images` are (B, 3, H, W) uint8 RGB. `targets` holds the labelled objects of each image, and
    `names` the paths of the image files. `unreadable` holds one error message for each image that
    could not be read and is not in the batch.
    """

    images: Tensor
    targets: list[Target]
    names: list[str]
    unreadable: list[str]


class BatchOrder(Sampler[list[tuple[int, int]]]):
    """A sampler that decides which images are in which batch of a training run.

    The run has `steps` batches of `batch` images, drawn from `images` images; the sampler yields
    the batches with the numbers `start` to `steps` - 1. A batch is a list of pairs (image, turn):
    the index of an image, and the number of the pass over all images (the epoch), both from 0. Each
    pass has another random order, which depends on `seed`. If `world` processes share the work, the
    process with the number `rank` (from 0) gets only its own share of each batch.
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
    """A PyTorch data set that reads training images and prepares them for the network.

    Its index is a pair (image, turn) of a `BatchOrder`. Its items are the prepared image (3, H, W)
    uint8 RGB, its labelled objects and its path; or an error message, if the image cannot be read.
    `view` describes the preparation. The augmentation depends only on `seed`, the image and the
    turn.
    """

    def __init__(self, images: Sequence[LabelledImage], view: InputSpec, seed: int) -> None:
        self._images = images
        self._view = view
        self._seed = seed

    def __getitem__(self, place: tuple[int, int]) -> tuple[Tensor, Target, str] | str:
        index, turn = place
        try:
            example = self._example(index)
            if self._view.augments:
                # The random numbers depend on the image and the turn, so that the example is the
                # same in whichever process and in whichever order it is made.
                random = np.random.default_rng((self._seed, turn, index))
                example = self._mixed(example, random)
                example = augment(
                    example, self._view.size, self._view.mean, random, self._view.style
                )
            else:
                example = resized(example, self._view.size)
        except MediaError as error:
            return str(error)
        return *_tensors(example, self._view.size), str(self._images[index].path)

    def _mixed(self, example: Example, random: np.random.Generator) -> Example:
        """Return an example in a mosaic with three others, or as it is."""
        view = self._view
        if view.mosaic and random.random() < view.mosaic:
            others = random.integers(len(self._images), size=3).tolist()
            return mosaic([example, *map(self._example, others)], random)
        return example

    def _example(self, index: int) -> Example:
        """Return an image with its objects. Raises `MediaError` if it cannot be read."""
        labelled = self._images[index]
        image, whole = self._image(labelled.path)
        kept = np.full(len(labelled.classes), True) if self._view.use_ignored else ~labelled.ignored
        height, width = image.shape[:2]
        boxes = labelled.boxes[kept] * ([width / whole[0], height / whole[1]] * 2)
        boxes = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
        example = Example(image, boxes, labelled.classes[kept])
        return example.kept(_solid(example.boxes / [width, height, width, height]))

    def _image(self, path: Path) -> tuple[Pixels, tuple[int, int]]:
        """Return an image and the size (width, height) of the whole image in the file, in pixels.

        If images are augmented, a photo of many megapixels is read at a smaller size, but so that
        no side of its smallest patch is shorter than the longest side of the network input.
        """
        if self._view.augments:
            shortest = round(max(self._view.size) / SMALLEST_PATCH)
            frame, size = read_reduced_image(path, shortest)
            return frame.planes[0], size
        frame = read_image(path)
        return frame.planes[0], (frame.width, frame.height)


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
    """Return the batch that consists of `items` of an `Examples` data set.

    The error messages among the items become the `unreadable` list of the batch.
    """
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


def _prepare_worker(parent: int, worker: int) -> None:
    """Prepare the process that reads images as number `worker` for the process `parent`.

    End it if `parent` has been killed meanwhile. PyTorch's own check begins later, and would watch
    whichever process is the parent by then.
    """
    cv2.setNumThreads(0)
    # On Windows, a Ctrl-C reaches this process too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getppid() != parent:
        os._exit(1)


def batches(examples: Examples, order: BatchOrder, workers: int) -> Generator[Batch]:
    """Yield the batches that `order` describes, while `workers` processes read the next images.

    With 0 workers, the calling process reads the images. Close the iterator to end the workers. Use
    this function and the iterator only in the main thread, because they change the handling of
    signals while the workers start and end.
    """
    loader: DataLoader[Batch] = DataLoader(
        examples,  # type: ignore[arg-type]
        batch_sampler=order,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=functools.partial(_prepare_worker, os.getpid()),
        persistent_workers=False,
        multiprocessing_context="spawn" if workers else None,
    )
    # The workers do not get Ctrl-C and the end of the terminal, so that they do not end before the
    # last step, which still needs their batches.
    with terminal_kept_from_children():
        # The workers start here.
        iterator = iter(loader)
    try:
        yield from iterator
    finally:
        # PyTorch's handler would report a worker that a signal has ended. PyTorch has no public
        # function that ends the workers; it does so when nothing refers to the iterator any more,
        # but after an error the traceback does.
        with child_ends_unreported():
            getattr(iterator, "_shutdown_workers", lambda: None)()
