"""The options of the commands offer all that the library can do.

The signatures of the commands name the choices again, because the library is slow to import.
"""

from typing import get_args, get_type_hints

import pytest

from ssd_live.backends.base import PRECISIONS
from ssd_live.backends.tensorrt.variants import VariantName
from ssd_live.commands import bench, build_engine, evaluate, process
from ssd_live.evaluation.average_precision import Rule
from ssd_live.video.encoders import CODECS, PRESETS


@pytest.mark.parametrize(
    ("request_class", "option", "choices"),
    [
        (process.Request, "codec", CODECS),
        (process.Request, "preset", PRESETS),
        (process.Request, "precision", ("auto", *PRECISIONS)),
        (evaluate.Request, "metric", get_args(Rule)),
        (build_engine.Request, "runtime", get_args(VariantName)),
    ],
)
def test_an_option_offers_every_choice(
    request_class: type, option: str, choices: tuple[str, ...]
) -> None:
    hint = get_type_hints(request_class)[option]
    may_be_none = type(None) in get_args(hint)
    assert get_args(get_args(hint)[0] if may_be_none else hint) == choices


def test_a_repeated_precision_is_one_of_those_of_the_other_commands() -> None:
    assert tuple(bench.PrecisionChoice) == ("auto", *PRECISIONS)
