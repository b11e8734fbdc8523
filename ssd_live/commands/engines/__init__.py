"""`engines list`, `engines clean` and `engines import`: manage the engines on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from ssd_live.commands.options import Json


def list_engines(as_json: Json = False) -> None:
    """List the engines on this machine, and what each was built for."""
    from ssd_live.commands.engines.run import show_list

    show_list(as_json)


def clean_engines(
    everything: Annotated[
        bool, typer.Option("--all", help="Remove all engines, also the usable ones.")
    ] = False,
) -> None:
    """Remove engines that can no longer be used."""
    from ssd_live.commands.engines.run import clean

    clean(everything)


def import_engine(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Engine file, with its manifest (.engine.json) beside it."
        ),
    ],
    yes: Annotated[
        bool, typer.Option("--yes", help="Import without asking for confirmation.")
    ] = False,
) -> None:
    """Import an engine that you built on another machine."""
    from ssd_live.commands.engines.run import import_file

    import_file(file, yes)
