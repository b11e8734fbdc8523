"""Recipes, batches and the training loop on real images: the mechanics with a toy network, the
learning with real ones.
"""

import json
import os
import pickle
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from ssd_live.datasets.types import DataSet, LabelledImage
from ssd_live.errors import ModelFileError, TrainingError, UnknownModelError, UsageError
from ssd_live.export.trained import load_trained
from ssd_live.models import create
from ssd_live.models.weight_files import save_weights
from ssd_live.system import machine
from ssd_live.training.checkpoint import load as load_checkpoint
from ssd_live.training.checkpoint import save as save_checkpoint
from ssd_live.training.feed import BatchOrder, Examples, InputSpec, batches
from ssd_live.training.log import Progress
from ssd_live.training.recipe import ModelPart, Recipe, TrainPart, read_recipe
from ssd_live.training.start import Normalise, begin, vgg16_weights
from ssd_live.training.trainer import (
    Place,
    RunningMean,
    Trainer,
    learning_rate,
    usable_precision,
)
from tests.toy_network import toy

RECIPES = Path(__file__).resolve().parents[3] / "recipes"


def recipe(**train: object) -> Recipe:
    part = {
        "steps": 4,
        "batch": 2,
        "workers": 0,
        "save_every": 2,
        "log_every": 1,
        "learning_rate": 1e-3,
        **train,
    }
    return Recipe.model_validate(
        {
            "name": "test",
            "model": {"network": "ssd300-mobilenetv2", "weights": "trained:ssd300-mobilenetv2-oid"},
            "data": {"train": ["none"]},
            "train": part,
        }
    )


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    """Five images with a bright box on noise."""
    random = np.random.default_rng(1)
    images = []
    for number in range(5):
        image = random.integers(0, 90, (120, 160, 3)).astype(np.uint8)
        image[30:90, 40:110] = (0, 200, 255)
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), image)
        images.append(
            LabelledImage(
                path, np.array([[40, 30, 110, 90]], np.float32), np.array([0]), np.array([False])
            )
        )
    return DataSet("boxes", ("box",), tuple(images))


def trainer(data: DataSet, folder: Path, **train: object) -> Trainer:
    """A trainer of a toy network."""
    torch.manual_seed(1)
    folder.mkdir(exist_ok=True)
    return Trainer(recipe(**train), data, toy(len(data.classes) + 1), Place(folder))


def test_training_lowers_the_loss(data: DataSet, tmp_path: Path) -> None:
    told: list[Progress] = []
    torch.manual_seed(1)
    wanted = recipe(steps=12, augment=False, learning_rate=3e-3, clip_norm=10.0)
    Trainer(wanted, data, begin(wanted.model, 2), Place(tmp_path)).run(told.append)
    assert told[-1].confidence < 0.7 * told[0].confidence
    assert [progress.step for progress in told] == list(range(1, 13))


def test_vgg16_learns_two_images_from_random_weights(data: DataSet, tmp_path: Path) -> None:
    """The beginning of recipes/overfit-two.toml; the whole run is in docs/benchmarks-log.md."""
    changes = ["train.steps=3", "train.batch=1", "train.warm_up=2", "train.save_every=1000"]
    wanted = read_recipe(RECIPES / "overfit-two.toml", changes)
    torch.manual_seed(1)
    learner = Trainer(
        wanted, replace(data, images=data.images[:2]), begin(wanted.model, 2), Place(tmp_path)
    )
    told: list[Progress] = []
    learner.run(told.append)
    first, last = (one.localisation + one.confidence for one in (told[0], told[-1]))
    assert last < 0.8 * first


@pytest.mark.parametrize(
    ("features", "precision"),
    [
        (("avx2", "avx512_bf16"), "bf16"),
        (("avx2", "fma"), "fp32"),
        (("asimd", "bf16"), "bf16"),
        # macOS and Windows do not tell.
        ((), "fp32"),
    ],
)
def test_bfloat16_is_used_where_the_cpu_has_it(
    features: tuple[str, ...],
    precision: str,
    data: DataSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "cpu_features", lambda: features)
    learner = trainer(data, tmp_path, steps=1, precision="bf16", save_every=1000)
    assert learner.precision == precision
    kinds: list[torch.dtype] = []
    first = next(one for one in learner.network.modules() if isinstance(one, torch.nn.Conv2d))
    first.register_forward_hook(lambda _layer, _given, made: kinds.append(made.dtype))
    learner.run(lambda _: None)
    assert kinds == [torch.bfloat16 if precision == "bf16" else torch.float32]
    assert usable_precision("bf16", "cuda") == "bf16"


def test_the_slow_first_step_does_not_count_for_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first step takes 10 s, and the others 1 s each, of 4 images."""
    times = iter((0.0, 10.0, 14.0))
    clock = SimpleNamespace(monotonic=lambda: next(times))
    monkeypatch.setattr("ssd_live.training.trainer.time", clock)
    since, loss = RunningMean(), torch.tensor(1.0)
    since.add(loss, loss, 4)
    since.leave_out_time()
    for _ in range(4):
        since.add(loss, 2 * loss, 4)
    progress = since.progress(5, recipe(steps=25).train, None)
    assert (progress.images_per_second, progress.seconds_left) == pytest.approx((4.0, 20.0))
    assert (progress.localisation, progress.confidence) == pytest.approx((1.0, 1.8))


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_that_is_stopped_is_saved_without_a_validation(
    stopped: bool, data: DataSet, tmp_path: Path
) -> None:
    validated: list[int] = []
    learner = trainer(data, tmp_path, steps=3, save_every=1000, evaluate_every=1000)

    def told(progress: Progress) -> None:
        if stopped and progress.step == 1:
            learner.stop()

    def evaluate(_: object) -> float:
        validated.append(learner.step)
        return 0.5

    learner.run(told, evaluate)
    assert validated == ([] if stopped else [3])
    assert load_checkpoint(tmp_path / "last.pt").step == (2 if stopped else 3)


def test_a_run_that_was_interrupted_ends_with_the_same_weights_bit_for_bit(
    data: DataSet, tmp_path: Path
) -> None:
    whole = trainer(data, tmp_path / "whole", average=0.9)
    whole.run(lambda _: None)
    broken = trainer(data, tmp_path / "broken", average=0.9)
    broken.run(lambda progress: broken.stop() if progress.step == 1 else None)
    assert broken.step == 2
    resumed = trainer(data, tmp_path / "broken", average=0.9)
    resumed.resume()
    resumed.run(lambda _: None)
    assert resumed.step == 4
    for one, other in ((whole.network, resumed.network), (whole.trained, resumed.trained)):
        assert all(
            torch.equal(tensor, other.state_dict()[name])
            for name, tensor in one.state_dict().items()
        )


def test_worker_processes_make_the_same_examples(data: DataSet, tmp_path: Path) -> None:
    alone, helped = (
        trainer(data, tmp_path / "a", steps=2),
        trainer(data, tmp_path / "b", steps=2, workers=2),
    )
    alone.run(lambda _: None)
    helped.run(lambda _: None)
    assert all(
        torch.equal(tensor, helped.network.state_dict()[name])
        for name, tensor in alone.network.state_dict().items()
    )


class TellsOfInterrupts(Examples):
    """Whether Ctrl-C is kept from the process that loads."""

    def __getitem__(self, place: tuple[int, int]) -> str:
        return str(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no blocked signals")
def test_worker_processes_outlive_ctrl_c(data: DataSet) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    told = batches(
        TellsOfInterrupts(data.images, InputSpec((32, 32), (0, 0, 0)), 1),
        BatchOrder(len(data), 1, 1, 1),
        workers=1,
    )
    assert [batch.unreadable for batch in told] == [["True"]]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_a_checkpoint_of_another_recipe_is_refused(data: DataSet, tmp_path: Path) -> None:
    trainer(data, tmp_path / "run", steps=2).run(lambda _: None)
    with pytest.raises(TrainingError, match="another recipe"):
        trainer(data, tmp_path / "run", steps=2, batch=1).resume()


def test_a_run_may_be_resumed_for_more_steps_and_with_other_intervals(
    data: DataSet, tmp_path: Path
) -> None:
    whole = trainer(data, tmp_path / "whole", steps=4)
    whole.run(lambda _: None)
    trainer(data, tmp_path / "run", steps=2).run(lambda _: None)
    resumed = trainer(data, tmp_path / "run", steps=4, workers=1, save_every=1, log_every=3)
    resumed.resume()
    resumed.run(lambda _: None)
    assert resumed.step == 4
    assert all(
        torch.equal(tensor, resumed.network.state_dict()[name])
        for name, tensor in whole.network.state_dict().items()
    )
    with pytest.raises(TrainingError, match=r"has 4 steps, more than the 3 of the recipe"):
        trainer(data, tmp_path / "run", steps=3).resume()


def test_a_checkpoint_of_the_version_before_is_resumed(data: DataSet, tmp_path: Path) -> None:
    """Its recipe has no `as_released`, and its optimiser no factors of the rate."""
    trainer(data, tmp_path / "run", steps=1).run(lambda _: None)
    path = tmp_path / "run" / "last.pt"
    saved = load_checkpoint(path)
    recipe_before = json.loads(saved.recipe)
    del recipe_before["train"]["as_released"], recipe_before["model"]["vgg16_input"]
    for group in saved.optimiser["param_groups"]:
        del group["rate_factor"]
    save_checkpoint(path, replace(saved, recipe=json.dumps(recipe_before)))
    resumed = trainer(data, tmp_path / "run", steps=2)
    resumed.resume()
    resumed.run(lambda _: None)
    assert resumed.step == 2


def test_a_corrupt_image_is_left_out_and_named(data: DataSet, tmp_path: Path) -> None:
    data.images[2].path.write_bytes(b"no image")
    told: list[Progress] = []
    trainer(data, tmp_path / "run").run(told.append)
    notes = [note for progress in told for note in progress.notes]
    assert notes
    assert all("2.png" in note for note in notes)


def test_a_loss_that_is_no_number_stops_and_names_the_images(data: DataSet, tmp_path: Path) -> None:
    wild = trainer(data, tmp_path / "run")
    with torch.no_grad():
        next(wild.network.parameters()).fill_(float("nan"))
    with pytest.raises(
        TrainingError, match=r"not a finite number at step 1 \(images \d\.png, \d\.png\)"
    ):
        wild.run(lambda _: None)


def test_images_without_objects_can_be_trained_on(data: DataSet, tmp_path: Path) -> None:
    empty = [
        replace(
            image,
            boxes=np.zeros((0, 4), np.float32),
            classes=np.zeros(0, np.int64),
            ignored=np.zeros(0, bool),
        )
        for image in data.images
    ]
    told: list[Progress] = []
    trainer(replace(data, images=tuple(empty)), tmp_path / "run", steps=1).run(told.append)
    assert (told[0].localisation, told[0].confidence) == (0, 0)


def test_the_log_has_a_line_a_step(data: DataSet, tmp_path: Path) -> None:
    trainer(data, tmp_path / "run", steps=3).run(lambda _: None)
    lines = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert lines[0].startswith("step,learning_rate,localisation,confidence")
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3"]


def test_the_best_validation_keeps_its_own_checkpoint_and_its_weights_are_taken(
    data: DataSet, tmp_path: Path
) -> None:
    figures = iter([0.5, 0.9, 0.2, 0.3])
    learner = trainer(data, tmp_path / "run", evaluate_every=1, average=0.9)
    learner.run(lambda _: None, lambda _: next(figures))
    best = load_checkpoint(tmp_path / "run" / "best.pt")
    assert best.step == 2
    assert load_checkpoint(tmp_path / "run" / "last.pt").best == 0.9
    assert not all(
        torch.equal(tensor, learner.trained.state_dict()[name])
        for name, tensor in best.average.items()
    )
    assert learner.take_best() == 2
    assert all(
        torch.equal(tensor, learner.trained.state_dict()[name])
        for name, tensor in best.average.items()
    )


def test_the_best_weights_of_another_run_in_the_same_folder_are_not_taken(
    data: DataSet, tmp_path: Path
) -> None:
    trainer(data, tmp_path / "run", steps=1).run(lambda _: None, lambda _: 0.5)
    learner = trainer(data, tmp_path / "run", steps=1, learning_rate=1e-4)
    learner.run(lambda _: None)
    assert (tmp_path / "run" / "best.pt").is_file()
    assert learner.take_best() is None


def test_a_run_without_validation_has_no_best_weights(data: DataSet, tmp_path: Path) -> None:
    learner = trainer(data, tmp_path / "run", steps=1)
    learner.run(lambda _: None)
    assert learner.take_best() is None


class Payload:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._mark),)


def test_a_checkpoint_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    torch.save({"version": 1, "step": Payload(tmp_path / "ran")}, path)
    with pytest.raises(ModelFileError, match="never run"):
        load_checkpoint(path)
    path.write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(ModelFileError):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_boxes_of_a_photo_that_is_read_at_a_smaller_size_stay_on_their_objects(
    tmp_path: Path,
) -> None:
    photo = np.full((3000, 4000, 3), 40, np.uint8)
    photo[600:1500, 800:2000] = 250
    path = tmp_path / "photo.jpg"
    cv2.imwrite(str(path), photo)
    labelled = LabelledImage(
        path, np.array([[800, 600, 2000, 1500]], np.float32), np.array([0]), np.array([False])
    )
    examples = Examples([labelled], InputSpec((300, 300), (40, 40, 40)), 1)
    for turn in range(12):
        example = examples[0, turn]
        assert not isinstance(example, str)
        image, target, _ = example
        bright = (image.float().mean(0) > 120).nonzero()
        top, left = (bright.min(0).values / 300).tolist()
        bottom, right = ((bright.max(0).values + 1) / 300).tolist()
        assert target.boxes[0].tolist() == pytest.approx([left, top, right, bottom], abs=0.02)


def test_every_image_comes_once_a_turn_in_another_order_each_turn() -> None:
    order = [place for batch in BatchOrder(7, 7, 3, seed=5) for place in batch]
    turns = [[index for index, turn in order if turn == number] for number in range(3)]
    assert [sorted(turn) for turn in turns] == [list(range(7))] * 3
    assert turns[0] != turns[1] != turns[2]


def test_batches_go_on_from_any_step_as_if_uninterrupted() -> None:
    assert list(BatchOrder(10, 4, 9, seed=2))[5:] == list(BatchOrder(10, 4, 9, seed=2, start=5))


def test_ranks_share_a_batch_without_overlap() -> None:
    whole = list(BatchOrder(10, 4, 6, seed=2))
    ranks = [list(BatchOrder(10, 4, 6, seed=2, rank=rank, world=2)) for rank in range(2)]
    assert [sorted(one + other) for one, other in zip(*ranks, strict=True)] == [
        sorted(batch) for batch in whole
    ]


def test_the_rate_warms_up_and_falls_at_the_milestones() -> None:
    part = TrainPart(steps=100, learning_rate=1.0, warm_up=4, milestones=(50, 80), decay=0.1)
    assert [learning_rate(part, step) for step in (0, 3, 49)] == pytest.approx([0.25, 1.0, 1.0])
    assert [learning_rate(part, step) for step in (50, 79, 80)] == pytest.approx([0.1, 0.1, 0.01])


def test_fine_tuning_keeps_all_but_the_class_predictors() -> None:
    beginning = begin(
        ModelPart(network="ssd300-mobilenetv2", weights="trained:ssd300-mobilenetv2-oid"), 4
    )
    assert beginning.fresh
    assert all(".cls." in name for name in beginning.fresh)


def test_what_predicts_a_class_of_the_same_name_is_kept(own_engines: Path) -> None:
    part = ModelPart(network="ssd300-mobilenetv2", weights="trained:ssd300-mobilenetv2-oid")
    network, names = load_trained("ssd300-mobilenetv2-oid")
    old = network.state_dict()
    torch.manual_seed(1)
    wanted = ("Mug", names[7].upper())
    mine = begin(part, 3, wanted)
    new = mine.network.state_dict()
    assert mine.fresh == []
    for name in (
        f"heads.{number}.cls.predict.{kind}" for number in range(6) for kind in ("weight", "bias")
    ):
        before = old[name].reshape(-1, len(names) + 1, *old[name].shape[1:])
        after = new[name].reshape(-1, 3, *new[name].shape[1:])
        torch.testing.assert_close(after[:, 0], before[:, 0])
        torch.testing.assert_close(after[:, 2], before[:, 8])
        assert not torch.equal(after[:, 1], before[:, 1])
    # Weights that were trained here say their classes too, also as a file.
    facts = {"network": "ssd300-mobilenetv2", "preset": "voc", "classes": list(wanted)}
    path = own_engines / "weights" / "mine.safetensors"
    save_weights(path, mine.network, facts)
    for source in ("trained:mine", str(path)):
        again = begin(part.model_copy(update={"weights": source}), 2, ("mug",)).network.state_dict()
        name = "heads.0.cls.predict.bias"
        torch.testing.assert_close(again[name].reshape(-1, 2)[:, 1], new[name].reshape(-1, 3)[:, 1])
    with pytest.raises(UsageError, match="mine has the network ssd300-mobilenetv2"):
        begin(ModelPart(network="ssd300-vgg16", weights=str(path)), 2, ("mug",))


def test_a_frozen_backbone_stays_as_it_is_until_its_time(data: DataSet, tmp_path: Path) -> None:
    torch.manual_seed(1)
    learner = trainer(data, tmp_path / "a", steps=2, freeze_backbone=2, momentum=0.9)
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    learner.run(lambda _: None)
    changed = {
        name
        for name, tensor in learner.network.state_dict().items()
        if not torch.equal(tensor, before[name])
    }
    assert changed
    assert not any(name.startswith("backbone.") for name in changed)
    longer = trainer(data, tmp_path / "b", steps=3, freeze_backbone=2, momentum=0.9)
    longer.run(lambda _: None)
    assert any(
        not torch.equal(tensor, before[name])
        for name, tensor in longer.network.state_dict().items()
        if name.startswith("backbone.")
    )
    # It is the same when the run is resumed at that step.
    resumed = trainer(data, tmp_path / "a", steps=3, freeze_backbone=2, momentum=0.9)
    resumed.resume()
    resumed.run(lambda _: None)
    assert all(
        torch.equal(tensor, longer.network.state_dict()[name])
        for name, tensor in resumed.network.state_dict().items()
    )


def test_several_processes_do_not_freeze(data: DataSet, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"set train\.freeze_backbone to 0"):
        Trainer(recipe(freeze_backbone=1), data, toy(2), Place(tmp_path), world=2)


def test_a_network_with_boxes_of_another_kind_is_refused() -> None:
    with pytest.raises(UsageError, match=r"blazeface-256 cannot be trained here.*ssd300-vgg16"):
        begin(ModelPart(network="blazeface-256", weights="trained:blazeface-256"), 2)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(UsageError, match=r"change model\.network"):
        begin(ModelPart(network="ssd300-vgg16", weights="trained:ssd300-mobilenetv2-oid"), 4)
    with pytest.raises(UnknownModelError, match="ssd300-mobilenetv2-oid"):
        begin(ModelPart(network="ssd300-vgg16", weights="trained:nothing"), 4)


@pytest.mark.parametrize(
    ("facts", "said"),
    [({"network": "ssd512-vgg16"}, "model.network"), ({"preset": "coco"}, "model.preset")],
)
def test_weights_made_for_other_default_boxes_are_refused(
    own_engines: Path, facts: dict[str, str], said: str
) -> None:
    save_weights(own_engines / "weights" / "other.safetensors", create("ssd300-vgg16", 3), facts)
    with pytest.raises(UsageError, match=said):
        begin(ModelPart(network="ssd300-vgg16", weights="trained:other"), 3)
    right = {"network": "ssd300-vgg16", "preset": "voc"} | facts
    begin(ModelPart(weights="trained:other", **right), 3)  # type: ignore[arg-type]


def test_a_whole_vgg16_is_reduced_as_the_paper_does(tmp_path: Path) -> None:
    state = {
        "classifier.0.weight": torch.arange(4096.0)[:, None].expand(4096, 25088),
        "classifier.0.bias": torch.arange(4096.0),
    }
    state |= {
        "classifier.3.weight": torch.arange(4096.0)[:, None].expand(4096, 4096),
        "classifier.3.bias": torch.arange(4096.0),
    }
    for index in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28):
        state |= {
            f"features.{index}.weight": torch.zeros(1),
            f"features.{index}.bias": torch.zeros(1),
        }
    reduced = vgg16_weights(state, tmp_path)
    assert reduced["backbone.extra.0.7.1.weight"].shape == (1024, 512, 3, 3)
    assert reduced["backbone.extra.0.7.3.weight"].shape == (1024, 1024, 1, 1)
    assert reduced["backbone.extra.0.7.1.bias"].tolist() == list(range(0, 4096, 4))


def test_a_key_or_value_of_thousands_of_letters_is_cut_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    for text in (f"{'x' * 5000} = 1", f"name = '{'-' * 5000}'"):
        path.write_text(text)
        with pytest.raises(UsageError) as caught:
            read_recipe(path)
        assert len(str(caught.value)) < 500


def vgg16_file(path: Path, *, reduced: bool) -> dict[str, torch.Tensor]:
    """Write the convolutions of a VGG16 with random weights, and return them."""
    torch.manual_seed(3)
    prefix = "backbone."
    own = create("ssd300-vgg16", 2).state_dict()
    state = {}
    for index in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28):
        place = f"features.{index}" if index < 23 else f"extra.0.{index - 23}"
        for kind in ("weight", "bias"):
            state[f"{index}.{kind}"] = torch.randn_like(own[f"{prefix}{place}.{kind}"]) * 0.05
    if reduced:
        for number, place in (("31", "7.1"), ("33", "7.3")):
            for kind in ("weight", "bias"):
                state[f"{number}.{kind}"] = own[f"{prefix}extra.0.{place}.{kind}"]
    torch.save(state, path)
    return state


def test_weights_of_torchvisions_vgg16_see_what_they_were_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "vgg16.pth"
    state = vgg16_file(path, reduced=False)
    part = ModelPart(network="ssd300-vgg16", weights=str(path), vgg16_input="torchvision")
    beginning = begin(part, 3)
    pixels = torch.randint(0, 256, (1, 3, 32, 32)).to(torch.uint8)
    mean, spread = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    expected = torch.nn.functional.conv2d(
        (pixels / 255 - mean) / spread, state["0.weight"], state["0.bias"]
    )
    first = beginning.network.state_dict()
    ours = torch.nn.functional.conv2d(
        Normalise(beginning.preprocessing)(pixels),
        first["backbone.features.0.weight"],
        first["backbone.features.0.bias"],
    )
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


def test_a_vgg16_file_that_may_be_of_two_kinds_is_refused_until_the_recipe_says_which(
    tmp_path: Path,
) -> None:
    path = tmp_path / "vgg16.pth"
    state = vgg16_file(path, reduced=False)
    with pytest.raises(UsageError, match=r"set model\.vgg16_input"):
        begin(ModelPart(network="ssd300-vgg16", weights=str(path)), 3)
    part = ModelPart(network="ssd300-vgg16", weights=str(path), vgg16_input="pixels")
    own = begin(part, 3).network.state_dict()
    assert torch.equal(own["backbone.features.0.weight"], state["0.weight"])
    state = vgg16_file(path, reduced=True)
    own = begin(ModelPart(network="ssd300-vgg16", weights=str(path)), 3).network.state_dict()
    assert torch.equal(own["backbone.features.0.weight"], state["0.weight"])


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_sound(path: Path) -> None:
    assert read_recipe(path).name == path.stem


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("train.setps=3", r"train\.setps.*did you mean steps"),
        ("modle.network='x'", r"modle.*did you mean model"),
        ("train.batch=0", r"train\.batch.*not 0"),
        ("train.milestones=[5, 3]", "milestones must be in rising order"),
        ("train.precision=int8", r"train\.precision"),
        ("train.steps", "must be part.key=value"),
    ],
)
def test_a_mistake_in_a_recipe_gets_one_line_with_the_nearest_key(change: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read_recipe(RECIPES / "finetune-small.toml", [change])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 3000, 'name = "\\udc00"'])
def test_a_recipe_that_the_toml_reader_chokes_on_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match="is not valid TOML") as raised:
        read_recipe(path)
    assert "\n" not in str(raised.value)


def test_a_recipe_that_is_missing_or_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[train\n")
    with pytest.raises(UsageError, match="is not valid TOML"):
        read_recipe(tmp_path / "bad.toml")
