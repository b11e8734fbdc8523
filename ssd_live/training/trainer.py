"""Train a network by SGD on the MultiBox loss, as in section 3 of the paper, with exact resume."""

import contextlib
import copy
import math
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from ssd_live.datasets.types import DataSet
from ssd_live.errors import TrainingError
from ssd_live.models.multibox_loss import Target, multibox_loss
from ssd_live.models.ssd import SSDNetwork
from ssd_live.system import machine
from ssd_live.training import checkpoint
from ssd_live.training.augment import AS_RELEASED, USUAL
from ssd_live.training.default_boxes import fit_default_boxes
from ssd_live.training.feed import Batch, BatchOrder, Examples, InputSpec, batches
from ssd_live.training.log import Progress, RunLog
from ssd_live.training.recipe import Precision, Recipe, TrainPart
from ssd_live.training.start import InitialModel, Normalise

# The features of CPUs that compute with bfloat16; the last is that of ARM.
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Place:
    """The folder in which a run keeps its checkpoints and its log."""

    folder: Path

    @property
    def last(self) -> Path:
        """The path of the checkpoint of the last saved step, from which a run is resumed."""
        return self.folder / "last.pt"

    @property
    def best(self) -> Path:
        """The path of the checkpoint with the best validation result so far."""
        return self.folder / "best.pt"


# A function of a network in evaluation mode that returns its mean average precision on the
# validation data.
Evaluate = Callable[[SSDNetwork], float]


class Trainer:
    """One training run of a recipe on a data set.

    `beginning` is the network to train, with its first weights and its preprocessing. `place` is
    the folder for checkpoints and the log. If the recipe says so, the default boxes of the network
    are fitted to the data at once. `device` is the PyTorch name of the device, such as `cuda`. If
    `world` processes share the work, `rank` is the number of this process (from 0).
    Raises `TrainingError` if several processes share the work and the backbone is to be frozen, and
    `DataError` if there are no objects to fit default boxes to.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: DataSet,
        beginning: InitialModel,
        place: Place,
        *,
        device: str = "cpu",
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if world > 1 and recipe.train.freeze_backbone:
            raise TrainingError(
                "a frozen backbone cannot be trained by several processes; set "
                "train.freeze_backbone to 0, or use one process"
            )
        self._recipe = recipe
        self._data = data
        self._place = place
        self._device = torch.device(device)
        # The precision that is used, which may differ from that of the recipe.
        self.precision = usable_precision(recipe.train.precision, self._device.type)
        self._rank, self._world = rank, world
        if recipe.model.default_boxes == "fitted":
            fit_default_boxes(beginning.network, data, ignored=recipe.data.use_difficult)
        # The channels-last layout was measured as 1.1 to 1.7 times as fast on a CPU, and it is the
        # layout that suits tensor cores.
        self.network: SSDNetwork = beginning.network.to(self._device).to(
            memory_format=torch.channels_last
        )  # type: ignore[call-overload]
        how = beginning.preprocessing
        self._normalise = Normalise(how).to(self._device)
        self.view = InputSpec(
            how.input_size,
            (how.mean[2], how.mean[1], how.mean[0]),
            recipe.train.augment,
            recipe.data.use_difficult,
            AS_RELEASED if recipe.train.as_released else USUAL,
            recipe.train.mosaic,
        )
        self._average = copy.deepcopy(self.network) if recipe.train.average else None
        part = recipe.train
        self._optimiser = torch.optim.SGD(
            parameter_groups(self.network, part),
            lr=part.learning_rate,
            momentum=part.momentum,
            weight_decay=part.weight_decay,
        )
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=self.precision == "fp16")
        self._step = 0
        self._best = -math.inf
        self._stopped = self._awaits_first_batch = False
        self._other_children: set[Any] = set()

    @property
    def step(self) -> int:
        """The number of steps done so far, including those before the run was resumed."""
        return self._step

    @property
    def trained(self) -> SSDNetwork:
        """The network to validate and export.

        It has the averaged weights if the recipe averages weights; otherwise it is `network`.
        """
        return self._average if self._average is not None else self.network

    def trained_on_cpu(self) -> SSDNetwork:
        """Move the trained network to the CPU and return it in evaluation mode."""
        return self.trained.cpu().to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload, no-any-return]

    def take_best(self) -> int | None:
        """Load the weights with the best validation result into `trained`, and return their step.

        After that, use the network but do not train it further. Return None and change nothing if
        there was no validation, or if the saved weights belong to another run. Raises
        `ModelFileError` if the checkpoint cannot be read.
        """
        if not self._place.best.is_file():
            return None
        saved = checkpoint.load(self._place.best)
        if not self._is_of_this_run(saved):
            return None
        self.trained.load_state_dict(saved.average or saved.model)
        return saved.step

    def _is_of_this_run(self, saved: checkpoint.Checkpoint) -> bool:
        try:
            recipe = Recipe.model_validate_json(saved.recipe)
        except ValidationError:
            return False
        return _what_is_learned(recipe) == _what_is_learned(self._recipe) and (
            saved.classes == list(self._data.classes)
        )

    def stop(self) -> None:
        """Make `run` save the checkpoint and return after the current step.

        While `run` waits for its first batch, there is nothing to save. The processes that load
        images, which may take many seconds to start, are then terminated, and `run` raises the
        `RuntimeError` of PyTorch about them.
        """
        self._stopped = True
        if self._awaits_first_batch and self._world == 1:
            for process in set(multiprocessing.active_children()) - self._other_children:
                process.terminate()

    def resume(self) -> None:
        """Load the last checkpoint, so that `run` continues from it.

        The number of steps, the intervals and the number of workers may differ from those of the
        saved run. Raises `ModelFileError` if the checkpoint cannot be read, and `TrainingError` if
        it belongs to a run with another recipe or other classes, or to a run that went further.
        """
        saved = checkpoint.load(self._place.last)
        if not self._is_of_this_run(saved):
            raise TrainingError(
                f"{self._place.last}: belongs to another recipe or other classes; train into "
                "another folder, or use the recipe and the classes of that run"
            )
        if saved.step > self._recipe.train.steps:
            raise TrainingError(
                f"{self._place.last}: has {saved.step} steps, more than the "
                f"{self._recipe.train.steps} of the recipe; set train.steps to {saved.step} or more"
            )
        for network in filter(None, (self.network, self._average)):
            if saved.box_shapes:
                # The data may have changed since the shapes were fitted to them.
                network.use_shapes(saved.box_shapes)
        self.network.load_state_dict(saved.model)
        if self._average is not None:
            self._average.load_state_dict(saved.average)
        self._optimiser.load_state_dict(saved.optimiser)
        if saved.scaler:
            self._scaler.load_state_dict(saved.scaler)
        torch.set_rng_state(saved.random)
        self._step, self._best = saved.step, saved.best

    def run(
        self, on_progress: Callable[[Progress], None], evaluate: Evaluate | None = None
    ) -> None:
        """Train until the last step of the recipe, or until `stop` is called.

        `on_progress` is called every `log_every` steps, after each validation and at the end.
        `evaluate` validates the network every `evaluate_every` steps and at the end; if it is None,
        there is no validation. The recipe gives both intervals. Raises `TrainingError` if the loss
        is not a finite number; the message names the images. Raises `OutputError` or `OSError` if a
        checkpoint or the log cannot be written.
        """
        part = self._recipe.train
        order = BatchOrder(
            len(self._data),
            part.batch,
            part.steps,
            part.seed,
            start=self._step,
            rank=self._rank,
            world=self._world,
        )
        self._other_children = set(multiprocessing.active_children())
        self._awaits_first_batch = True
        feed = batches(Examples(self._data.images, self.view, part.seed), order, part.workers)
        model: nn.Module = self.network
        if self._world > 1:
            model = nn.parallel.DistributedDataParallel(self.network)
        model.train()
        with (
            contextlib.closing(feed),
            RunLog(self._place.folder, self._step)
            if not self._rank
            else contextlib.nullcontext() as log,
        ):
            self._steps(model, feed, log, on_progress, evaluate)

    def _steps(
        self,
        model: nn.Module,
        feed: Iterable[Batch],
        log: RunLog | None,
        on_progress: Callable[[Progress], None],
        evaluate: Evaluate | None,
    ) -> None:
        part = self._recipe.train
        since = RunningMean()
        for batch in feed:
            is_first, self._awaits_first_batch = self._awaits_first_batch, False
            self._freeze()
            self._learn(model, batch, since)
            self._step += 1
            stopping, finished = self._stopping(), self._step == part.steps
            ended = stopping or finished
            if is_first and not ended and part.log_every > 1:
                # It has waited for the processes that load images.
                since.leave_out_time()
            # Who stops a run does not want to wait for a validation.
            wanted = finished or (not stopping and _due(self._step, part.evaluate_every))
            validated = self._validate(evaluate) if evaluate and wanted else None
            if ended or _due(self._step, part.save_every):
                self._save(self._place.last)
            if ended or validated is not None or _due(self._step, part.log_every):
                progress = since.progress(self._step, part, validated)
                if log is not None:
                    log.write(progress)
                on_progress(progress)
                since = RunningMean()
            if ended:
                return

    def _freeze(self) -> None:
        """Keep the backbone as it is at the beginning of the run, and let it learn afterwards."""
        frozen = self._step < self._recipe.train.freeze_backbone
        for parameter in self.network.backbone.parameters():
            parameter.requires_grad_(not frozen)
        # The running means of normalisation layers stay as they are too.
        self.network.backbone.train(not frozen)

    def learn(self, batches: Iterable[Batch]) -> Iterator[float]:
        """Train on the given batches, and yield the sum of both losses after each batch.

        Nothing is logged, validated or saved. Raises `TrainingError` if the loss is not a finite
        number.
        """
        self.network.train()
        for batch in batches:
            since = RunningMean()
            self._learn(self.network, batch, since)
            self._step += 1
            yield since.total()

    def _stopping(self) -> bool:
        """Return whether `stop` was called in any of the processes that share the work.

        All processes must end after the same step, because otherwise some would wait for the others
        for ever. Therefore, all processes must call this method after the same steps.
        """
        if self._world == 1:
            return self._stopped
        told = torch.tensor(float(self._stopped), device=self._device)
        torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
        return bool(told)

    def _nothing(self) -> Batch:
        width, height = self.view.size
        nowhere = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
        return Batch(torch.zeros(1, 3, height, width, dtype=torch.uint8), [nowhere], [], [])

    def _learn(self, model: nn.Module, batch: Batch, since: "RunningMean") -> None:
        part = self._recipe.train
        since.notes += batch.unreadable
        if not len(batch.images):
            if self._world == 1:
                return
            # The other processes wait for the gradients of this one. A batch without objects has
            # gradients of zero.
            batch = self._nothing()
        for group in self._optimiser.param_groups:
            # A checkpoint of a version before has no factor.
            group["lr"] = learning_rate(part, self._step) * group.get("rate_factor", 1.0)
        targets = [
            Target(*(tensor.to(self._device) for tensor in target)) for target in batch.targets
        ]
        kind = _TYPES[self.precision]
        with (
            torch.autocast(self._device.type, kind)
            if kind is not torch.float32
            else contextlib.nullcontext()
        ):
            images = self._normalise(batch.images.to(self._device, non_blocking=True)).contiguous(
                memory_format=torch.channels_last
            )
            regression, logits = model(images)
        loss = multibox_loss(
            regression,
            logits,
            self.network.default_boxes,
            targets,
            self._divisor,
            part.box_loss,
        )
        total = loss.localisation + loss.confidence
        if not torch.isfinite(total):
            raise TrainingError(
                f"the loss is not a finite number at step {self._step + 1} (images "
                f"{', '.join(Path(name).name for name in batch.names)}); "
                "lower learning_rate in the recipe, or set clip_norm or warm_up there"
            )
        self._optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        if part.clip_norm:
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self.network.parameters(), part.clip_norm)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._update_ema()
        since.add(loss.localisation, loss.confidence, len(batch.images) * self._world)

    def _divisor(self, count: Tensor) -> Tensor:
        """Return the number by which the loss of this process must be divided.

        `count` is the number of matched default boxes in the part of the batch that this process
        has. The result is the mean of this number over all processes. PyTorch averages the
        gradients of the processes, so the loss of the whole batch is divided by the number of all
        its matched default boxes, as in equation (1) of the paper.
        """
        if self._world == 1:
            return count.clamp(min=1)
        total = count.float()
        torch.distributed.all_reduce(total, torch.distributed.ReduceOp.SUM)
        return total.clamp(min=1) / self._world

    @torch.no_grad()
    def _update_ema(self) -> None:
        """Move the weights of the averaged network, if there is one, towards those of `network`."""
        if self._average is None:
            return
        keep = min(self._recipe.train.average, (1 + self._step) / (10 + self._step))
        own = self.network.state_dict()
        for name, tensor in self._average.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(own[name], 1 - keep)
            else:
                tensor.copy_(own[name])

    def _validate(self, evaluate: Evaluate) -> float | None:
        if self._rank:
            return None
        network = self.trained
        was_training = network.training
        network.eval()
        try:
            figure = evaluate(network)
        finally:
            network.train(was_training)
        if figure > self._best:
            self._best = figure
            self._save(self._place.best)
        return figure

    def _save(self, path: Path) -> None:
        if self._rank:
            return
        average = self._average.state_dict() if self._average is not None else {}
        saved = checkpoint.Checkpoint(
            self._step,
            dict(self.network.state_dict()),
            dict(average),
            self._optimiser.state_dict(),
            self._scaler.state_dict(),
            torch.get_rng_state(),
            self._recipe.model_dump_json(),
            list(self._data.classes),
            self._best,
            self.network.fitted_shapes,
        )
        checkpoint.save(path, saved)


class RunningMean:
    """The losses, the number of images and the time since the last report on a training run.

    Make a new object after each report. Losses stay on the device until they are needed, because
    reading a loss waits for the device.
    """

    def __init__(self) -> None:
        self._localisation: Any = 0.0
        self._confidence: Any = 0.0
        self._steps = self._images = 0
        # When the time of the steps begins, and the steps and images before that.
        self._clock = time.monotonic(), 0, 0
        self.notes: list[str] = []

    def add(self, localisation: Tensor, confidence: Tensor, images: int) -> None:
        """Add the two losses of one step, which are scalars, and its number of images."""
        self._localisation = self._localisation + localisation.detach()
        self._confidence = self._confidence + confidence.detach()
        self._steps += 1
        self._images += images

    def leave_out_time(self) -> None:
        """Do not count the time up to now, such as that of the first step, which is slow."""
        self._clock = time.monotonic(), self._steps, self._images

    def total(self) -> float:
        """Return the sum of both losses, as the mean over the steps that were added."""
        return float(self._localisation + self._confidence) / max(self._steps, 1)

    def progress(self, step: int, part: TrainPart, validated: float | None) -> Progress:
        """Return the report on the run after `step` steps.

        `part` is the part `[train]` of the recipe. `validated` is the mean average precision if the
        network was just validated, else None. The `seconds_left` of the report assume the speed
        since the last report.
        """
        begun, steps_before, images_before = self._clock
        elapsed = max(time.monotonic() - begun, 1e-6)
        steps = max(self._steps, 1)
        left = (part.steps - step) * elapsed / max(self._steps - steps_before, 1)
        losses = float(self._localisation) / steps, float(self._confidence) / steps
        return Progress(
            step,
            part.steps,
            learning_rate(part, step - 1),
            *losses,
            (self._images - images_before) / elapsed,
            left,
            validated,
            self.notes,
        )


def learning_rate(part: TrainPart, step: int) -> float:
    """Return the learning rate of the step with the number `step`, which counts from 0.

    `part` is the part `[train]` of the recipe. The rate rises during the warm-up, and is multiplied
    by `decay` at each milestone.
    """
    rate = part.learning_rate * part.decay ** sum(
        step >= milestone for milestone in part.milestones
    )
    return rate * min(1.0, (step + 1) / part.warm_up) if part.warm_up else rate


def usable_precision(wanted: Precision, device: str) -> Precision:
    """Return the precision in which a network is trained on a type of device, such as "cpu".

    It is `wanted`, but float32 in place of bfloat16 on a CPU that has no instructions for it, or
    does not tell; bfloat16 could take many times as long there.
    """
    if wanted == "bf16" and device == "cpu" and _BFLOAT16.isdisjoint(machine.cpu_features()):
        return "fp32"
    return wanted


def _what_is_learned(recipe: Recipe) -> Recipe:
    """Return the recipe with fixed values for the settings that may change when a run is resumed.

    These settings are the number of steps, the intervals and the number of workers. The batches and
    the learning rate of a step do not depend on them.
    """
    free = {"steps": 1, "workers": 0, "save_every": 1, "evaluate_every": 0, "log_every": 1}
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=free)})


def parameter_groups(network: nn.Module, part: TrainPart) -> list[dict[str, Any]]:
    """Return the parameters of `network` in groups for SGD, by their weight decay and rate.

    `part` is the part `[train]` of the recipe. Biases and the parameters of normalisation layers
    have no weight decay. If `part.as_released` is true, the L2-normalisation scale of conv4_3 has
    weight decay, and biases learn at twice the rate; otherwise neither. `rate_factor` of a group is
    the number by which the learning rate is multiplied.
    """
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    biases: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        scale = name.endswith("scale_weight")
        if (scale and part.as_released) or (parameter.dim() > 1 and not scale):
            decayed.append(parameter)
        elif part.as_released and name.endswith("bias"):
            biases.append(parameter)
        else:
            plain.append(parameter)
    groups = ((decayed, part.weight_decay, 1.0), (plain, 0.0, 1.0), (biases, 0.0, 2.0))
    return [
        {"params": parameters, "weight_decay": decay, "rate_factor": factor}
        for parameters, decay, factor in groups
        if parameters
    ]


def _due(step: int, every: int) -> bool:
    return bool(every) and step % every == 0
