"""Draw the measurements of a report as a bar chart."""

from pathlib import Path

from ssd_live.bench.records import KINDS, Report
from ssd_live.bench.tables import headline
from ssd_live.imaging.plotting import new_figure, save_figure

_WIDTH_INCHES, _ROW_INCHES, _PANEL_INCHES = 9.0, 0.36, 0.7
_COLOURS = {"network": "#3d6fd6", "detector": "#2f9e77", "end to end": "#d6733d"}


def plot(report: Report, path: Path) -> None:
    """Draw one bar for the FPS of each measurement, and save the chart to the file `path`.

    Each kind of measurement has its own panel. The line across a bar is the measurement's
    `bound_fps`. Raises `MissingPackageError` if matplotlib is not installed, and `OutputError` if
    the file ending is not `.png`, `.svg` or `.pdf` or the file cannot be written.
    """
    panels = [(kind, [row for row in report.measurements if row.kind == kind]) for kind in KINDS]
    panels = [(kind, rows) for kind, rows in panels if rows]
    height = sum(_PANEL_INCHES + _ROW_INCHES * len(rows) for _, rows in panels)
    figure = new_figure(_WIDTH_INCHES, height + 0.5)
    parts = figure.subplots(
        len(panels),
        1,
        squeeze=False,
        height_ratios=[_PANEL_INCHES + _ROW_INCHES * len(rows) for _, rows in panels],
    )
    for (kind, rows), axes in zip(panels, parts[:, 0], strict=True):
        labels = [
            f"{row.model}\n{row.backend} {row.precision}, {row.what}"
            + (f", batch {row.batch}" if row.batch > 1 else "")
            + (f", {row.streams} streams" if row.streams > 1 else "")
            for row in rows
        ]
        places = range(len(rows))
        bars = axes.barh(places, [row.fps for row in rows], color=_COLOURS[kind], height=0.62)
        axes.bar_label(
            bars, [f"{row.fps:.0f}" for row in rows], label_type="center", color="white", fontsize=8
        )
        for place, row in zip(places, rows, strict=True):
            if row.bound_fps:
                axes.plot(
                    [row.bound_fps] * 2, [place - 0.38, place + 0.38], color="#333", linewidth=1.5
                )
        axes.set_yticks(places, labels, fontsize=7)
        axes.invert_yaxis()
        axes.set_title(kind, loc="left", fontsize=10)
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
    parts[-1, 0].set_xlabel(
        "frames per second; the black line is the highest FPS that the stages allow"
    )
    figure.suptitle(headline(report), fontsize=8)
    save_figure(figure, path)
