"""`doctor`: report what this machine can do, and what to install for what is missing."""

from typing import Annotated

import typer

from ssd_live.commands.options import Json, Model
from ssd_live.modelfile.catalogue import DEFAULT_MODEL

Measure = Annotated[bool, typer.Option("--measure", help="Measure the speed of all backends now.")]


def doctor(model: Model = DEFAULT_MODEL, as_json: Json = False, measure: Measure = False) -> None:
    """Show what this machine can do: packages, CPU and GPUs, backends with their measured speed,
    encoders, cameras, and what is missing.
    """
    from ssd_live.commands.doctor.run import run

    run(model, as_json, measure)
