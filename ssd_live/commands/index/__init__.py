"""`index add`, `list`, `search`, `export` and `delete`: find again what was seen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ssd_live.commands.options import Json


@dataclass(frozen=True)
class Criteria:
    """The options that say which objects are meant; without one, everything is allowed."""

    classes: Annotated[
        str | None, typer.Option("--class", metavar="A,B", help="Objects of one of these classes.")
    ] = None
    zones: Annotated[
        str | None,
        typer.Option("--zone", metavar="A,B", help="Objects that met one of these zones or rules."),
    ] = None
    sources: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="N,M",
            help="Objects in these sources, by their numbers in the list.",
        ),
    ] = None
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Objects that came at this time or later (ISO 8601)."),
    ] = None
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Objects that came before this time (ISO 8601)."),
    ] = None
    hours: Annotated[
        str | None,
        typer.Option(metavar="FROM-TO", help="Objects that came between these hours: 22:00-6:00."),
    ] = None
    seconds: Annotated[
        str | None,
        typer.Option(
            metavar="FROM-TO",
            help="Objects that were seen for so long, or that were in the zone for so long if "
            "--zone is given: 5-60, or 5 for at least 5.",
        ),
    ] = None
    colours: Annotated[
        str | None,
        typer.Option("--colour", metavar="A,B", help="Objects with one of these main colours."),
    ] = None
    together: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=10_000,
            help="Objects that were seen with so many of their class at once.",
        ),
    ] = 1


@dataclass(frozen=True)
class SearchRequest(Criteria):
    """The options of one call of `index search`."""

    HELP: ClassVar[str] = (
        "Search the index for objects, and list them, the newest first. Without options it lists "
        "everything."
    )

    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=100_000, help="List at most N objects.")
    ] = 50
    as_json: Json = False

    def run(self) -> None:
        """Run the command with these options."""
        from ssd_live.commands.index.run import show_found

        show_found(self)


@dataclass(frozen=True)
class ExportRequest(Criteria):
    """The options of one call of `index export`."""

    HELP: ClassVar[str] = (
        "Export the objects that a search finds: as clips with sound, as a table, or as one HTML "
        "page."
    )

    clips: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write a clip of each object, with two seconds before and after. The video is "
            "copied without change, so a clip begins at the key frame before.",
        ),
    ] = None
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a row of each object, as .csv.")
    ] = None
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a page with the timeline, heat map and pictures of the objects, as .html.",
        ),
    ] = None
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=100_000, help="Export at most N objects.")
    ] = 1000

    def run(self) -> None:
        """Run the command with these options."""
        from ssd_live.commands.index.run import export

        export(self)


@dataclass(frozen=True)
class DeleteRequest(Criteria):
    """The options of one call of `index delete`."""

    HELP: ClassVar[str] = (
        "Delete from the index. With --source, --older-than or --missing alone, it deletes whole "
        "sources; otherwise the objects that a search finds, with their pictures, while their "
        "videos stay."
    )

    older_than: Annotated[
        float | None,
        typer.Option(metavar="DAYS", min=0, help="Sources that ended more than so many days ago."),
    ] = None
    missing: Annotated[
        bool, typer.Option("--missing", help="Sources whose log does not exist any more.")
    ] = False
    files: Annotated[
        bool,
        typer.Option(
            "--files",
            help="Delete the logs of these sources too, and the videos that ssd_live recorded.",
        ),
    ] = False
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False

    def run(self) -> None:
        """Run the command with these options."""
        from ssd_live.commands.index.run import delete

        delete(self)


def add_logs(
    logs: Annotated[
        list[Path],
        typer.Argument(metavar="LOG...", help="Detections as .jsonl, from process or a recording."),
    ],
    video: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="The video that was processed, if it is neither beside LOG nor in the current "
            "folder. May be given several times.",
        ),
    ] = None,
    recorded_at: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="When the videos begin (ISO 8601), if their logs do not say it."
        ),
    ] = "",
) -> None:
    """Add the objects of logs to the index, with their pictures. A log that was added before is
    replaced.
    """
    from ssd_live.commands.index.run import add

    add(logs, tuple(video or ()), recorded_at)


def list_sources(as_json: Json = False) -> None:
    """List the recordings and results in the index."""
    from ssd_live.commands.index.run import show_sources

    show_sources(as_json)
