"""Training that is killed, run by several processes, or out of disk: in processes of its own, as a
user starts it.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from ssd_live.errors import OutputError
from ssd_live.training import checkpoint
from tests.e2e.test_train import CHECKOUT, recipe
from tests.waiting import is_zombie, wait_until

_LONGEST_SECONDS = 200
_WORDS = [
    "--set",
    "train.steps=5",
    "--set",
    "train.batch=2",
    "--set",
    "train.workers=1",
    "--set",
    "train.save_every=1",
    # A CPU without bfloat16 takes ten times as long for it.
    "--set",
    "train.precision=fp32",
]


def command(folder: Path, shapes: Path, name: str, *more: str) -> list[str]:
    words = [*_WORDS, "--set", f"name={name}", "--set", "train.log_every=1", *more]
    return [
        str(CHECKOUT / "tests" / "toy_training.py"),
        "train",
        str(recipe(folder)),
        "--data",
        str(shapes),
        "-o",
        str(folder / name),
        *words,
    ]


def started(engines: Path, words: list[str], *, group: bool = False) -> subprocess.Popen[str]:
    environment = os.environ | {"SSD_LIVE_ENGINES": str(engines), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=group,
    )


def finished(child: subprocess.Popen[str]) -> str:
    out, _ = child.communicate(timeout=_LONGEST_SECONDS)
    assert child.returncode == 0, out
    return out


def killed_after(child: subprocess.Popen[str], folder: Path, step: int) -> checkpoint.Checkpoint:
    """Kill a run when it has saved this step, and return what it saved last."""
    last = folder / "last.pt"
    try:
        assert child.stdout is not None
        next(line for line in child.stdout if line.startswith(f"step {step}/"))
        wait_until(lambda: last.is_file() and checkpoint.load(last).step >= step)
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=_LONGEST_SECONDS)
    return checkpoint.load(last)


def test_a_run_killed_at_any_moment_goes_on_to_the_same_weights_bit_for_bit(
    tmp_path: Path, shapes: Path
) -> None:
    """What follows the last step, the export, is not waited for."""
    words = command(tmp_path, shapes, "run")
    # test_trainer.py has the processes that load images; they take seconds to start.
    words += ["--set", "train.workers=0"]
    whole = killed_after(started(tmp_path / "engines", words), tmp_path / "run", 5)
    (tmp_path / "run").rename(tmp_path / "whole")
    # The third step is learned and saved, and the fourth has begun or is being saved.
    broken = killed_after(started(tmp_path / "engines", words), tmp_path / "run", 3)
    assert broken.step < 5
    resumed = killed_after(started(tmp_path / "engines", [*words, "--resume"]), tmp_path / "run", 5)
    assert whole.model.keys() == resumed.model.keys()
    assert all(torch.equal(tensor, resumed.model[name]) for name, tensor in whole.model.items())
    assert all(torch.equal(tensor, resumed.average[name]) for name, tensor in whole.average.items())
    logged = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in logged[1:]] == ["1", "2", "3", "4", "5"]


def endless(tmp_path: Path, shapes: Path) -> subprocess.Popen[str]:
    """A run with a process that loads images, which has learned two steps."""
    changes = ("train.steps=100000", "train.save_every=100000")
    words = [word for change in changes for word in ("--set", change)]
    child = started(tmp_path / "engines", command(tmp_path, shapes, "stopped", *words), group=True)
    assert child.stdout is not None
    next(line for line in child.stdout if line.startswith("step 2/"))
    return child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_of_the_terminal_saves_what_was_learned(
    number: signal.Signals, tmp_path: Path, shapes: Path
) -> None:
    """There it reaches the processes that load images too."""
    child = endless(tmp_path, shapes)
    os.killpg(child.pid, number)
    out, _ = child.communicate(timeout=_LONGEST_SECONDS)
    assert child.returncode == 130, out
    assert "stopped after step" in out, out
    assert checkpoint.load(tmp_path / "stopped" / "last.pt").step >= 2


def starting(tmp_path: Path, shapes: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A run whose child processes have started and are not ready: one that loads images, and one
    that watches shared memory.
    """
    child = started(tmp_path / "engines", command(tmp_path, shapes, "stopped"))
    process = psutil.Process(child.pid)
    wait_until(lambda: len(process.children()) >= 2, 60)
    return child, process.children()


def test_a_signal_before_the_first_step_does_not_wait_for_the_processes_that_load_images(
    tmp_path: Path, shapes: Path
) -> None:
    """They import PyTorch first, which takes seconds."""
    child, _ = starting(tmp_path, shapes)
    time.sleep(0.3)
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=_LONGEST_SECONDS)
    assert child.returncode == 130, out
    assert "stopped while images were being loaded" in out, out
    assert time.monotonic() - begun < 30
    assert not (tmp_path / "stopped" / "last.pt").exists()


def test_the_processes_that_load_images_end_with_a_run_that_is_killed_before_they_are_ready(
    tmp_path: Path, shapes: Path
) -> None:
    child, loaders = starting(tmp_path, shapes)
    child.kill()
    child.communicate(timeout=_LONGEST_SECONDS)
    wait_until(lambda: not any(one.is_running() and not is_zombie(one) for one in loaders), 60)


def test_the_end_of_the_processes_that_load_images_is_one_line(
    tmp_path: Path, shapes: Path
) -> None:
    """A SIGTERM to all processes of a service ends them at once."""
    child = endless(tmp_path, shapes)
    os.killpg(child.pid, signal.SIGTERM)
    out, _ = child.communicate(timeout=_LONGEST_SECONDS)
    assert child.returncode == 130, out
    assert "Traceback" not in out, out


def test_two_processes_train_together_and_one_finishes(tmp_path: Path, shapes: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = command(tmp_path, shapes, "pair", "--set", "train.workers=0")
    out = finished(started(tmp_path / "engines", [*launcher, *words]))
    assert out.count("step 5/5") == 1
    assert out.count("--model pair") == 1
    assert (tmp_path / "engines" / "models" / "pair.onnx").is_file()


def test_two_processes_end_together_when_interrupted(tmp_path: Path, shapes: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = command(
        tmp_path, shapes, "pair", "--set", "train.steps=100000", "--set", "train.save_every=100000"
    )
    words += ["--set", "train.workers=0"]
    child = started(tmp_path / "engines", [*launcher, *words])
    assert child.stdout is not None
    next(line for line in child.stdout if line.startswith("step 2/"))
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=_LONGEST_SECONDS)
    assert time.monotonic() - begun < 60, out
    assert child.returncode != 0
    assert "stopped after step" in out, out
    assert checkpoint.load(tmp_path / "pair" / "last.pt").step >= 2


def test_a_batch_that_processes_cannot_share_is_refused(tmp_path: Path, shapes: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    child = started(
        tmp_path / "engines",
        [*launcher, *command(tmp_path, shapes, "odd", "--set", "train.batch=3")],
    )
    out, _ = child.communicate(timeout=_LONGEST_SECONDS)
    assert child.returncode != 0
    assert "cannot share evenly" in out


def test_a_full_disk_is_named_and_the_checkpoint_before_still_loads(small_disk: Path) -> None:
    def saved(step: int) -> checkpoint.Checkpoint:
        return checkpoint.Checkpoint(
            step,
            {"weight": torch.zeros(150_000)},
            {},
            {},
            {},
            torch.get_rng_state(),
            "{}",
            ["box"],
            0.0,
        )

    checkpoint.save(small_disk / "last.pt", saved(1))
    with pytest.raises(OutputError, match="no space left"):
        checkpoint.save(small_disk / "last.pt", saved(2))
    assert checkpoint.load(small_disk / "last.pt").step == 1
    assert [path.name for path in small_disk.iterdir()] == ["last.pt"]
