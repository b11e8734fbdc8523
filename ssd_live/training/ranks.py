"""Choose the device that training runs on, and join the processes that share the work."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch

# The other processes wait while the first one validates and saves.
_LONGEST_WAIT = timedelta(hours=3)


def prepare(device: str, seed: int) -> str:
    """Seed PyTorch's random numbers with `seed`, and return the name of the device to train on.

    The name is `device` if that is not empty. Otherwise it is `cuda` if PyTorch can use a GPU, and
    `cpu` if it cannot.
    """
    torch.manual_seed(seed)
    return device or ("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def ranks(device: str) -> Iterator[tuple[int, int, str]]:
    """Connect this process to the others that `torchrun` started, until the with-block ends.

    The block gets the rank of this process (from 0), the number of processes, and the device of
    this process, such as `cuda:1`. Without `torchrun` these are 0, 1 and `device`.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1, device
        return
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = device.startswith("cuda")
    torch.distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=_LONGEST_WAIT)
    if on_gpu:
        torch.cuda.set_device(local)
    try:
        yield rank, world, f"cuda:{local}" if on_gpu else device
    finally:
        torch.distributed.destroy_process_group()
        sys.stdout.flush()
