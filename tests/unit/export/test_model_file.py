"""Bundled models as model files in memory."""

import pytest

from ssd_live.errors import UnknownModelError
from ssd_live.export.model_file import export_model
from ssd_live.modelfile.catalogue import find_model


def test_a_bundled_model_is_made_again_from_its_weights() -> None:
    made, bundled = export_model("blazeface-256"), find_model("blazeface-256")
    sample = {"agreement_sample": ()}
    assert made.metadata == bundled.metadata.model_copy(update=sample)
    with pytest.raises(UnknownModelError, match="no trained weights for 'none'"):
        export_model("none")
