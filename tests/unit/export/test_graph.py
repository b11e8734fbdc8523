"""The changes that an export makes to a network before the exporter sees it."""

import torch
from torch import nn

from ssd_live.export.graph import fuse_batch_norm


def trained_norm(channels: int) -> nn.BatchNorm2d:
    """With figures of its own, because a new one changes nothing."""
    norm = nn.BatchNorm2d(channels)
    with torch.no_grad():
        for name, values in norm.state_dict().items():
            if values.is_floating_point():
                values.uniform_(0.5 if name == "running_var" else -1, 2)
    return norm


def norms(model: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())


def test_a_fused_network_answers_the_same_without_its_norms() -> None:
    torch.manual_seed(0)
    branch = nn.Sequential(nn.Conv2d(4, 8, 3, bias=False), trained_norm(8))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), trained_norm(4), nn.ReLU(), branch).eval()
    pixels = torch.rand(2, 3, 8, 8)
    before = model(pixels)
    fuse_batch_norm(model)
    assert norms(model) == 0
    torch.testing.assert_close(model(pixels), before, rtol=1e-4, atol=1e-5)


def test_a_norm_that_follows_no_convolution_stays() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), trained_norm(4)).eval()
    pixels = torch.rand(1, 3, 8, 8)
    before = model(pixels)
    fuse_batch_norm(model)
    assert norms(model) == 1
    torch.testing.assert_close(model(pixels), before)
