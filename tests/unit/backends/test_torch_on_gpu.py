"""PyTorch on a GPU: what can be tested without one."""

import pytest
import torch
from torch import nn

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.backends.torch_cuda import fold_batch_norms, fuse_relus
from ssd_live.errors import BackendError
from ssd_live.modelfile.catalogue import find_model
from ssd_live.models.zoo import create


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_there_is_one_line() -> None:
    with pytest.raises(BackendError, match="finds no NVIDIA GPU here; choose --backend cpu"):
        load_backend("torch", find_model("ssd300-mobilenetv2-oid"), LoadOptions("CUDA", "fp16"))


def test_folding_batch_norms_changes_no_answer() -> None:
    torch.manual_seed(0)
    network = create("ssdlite300-mobilenetv2", 4)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    image = torch.randn(1, 3, 300, 300)
    with torch.inference_mode():
        before = network.eval()(image)
        fold_batch_norms(network)
        after = network(image)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_every_relu_of_vgg16_is_joined_with_its_convolution() -> None:
    network = create("ssd300-vgg16", 21)
    count = sum(isinstance(module, nn.ReLU) for module in network.modules())
    fuse_relus(network)
    assert count == 23  # 13 of VGG16, fc6, fc7 and 8 of the layers that follow
    assert not any(isinstance(module, nn.ReLU) for module in network.modules())
