"""The zoo gives networks by their names."""

import pytest

from ssd_live.errors import UnknownModelError
from ssd_live.models import create


def test_an_unknown_network_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(
        UnknownModelError,
        match=r"ssd512'.*ssd300-mobilenetv2, ssd300-vgg16, .*ssdlite300-mobilenetv2",
    ):
        create("ssd512", 21)
