"""The figures as bars."""

from pathlib import Path

import pytest

from ssd_live.bench.plot import plot
from ssd_live.errors import OutputError
from tests.unit.bench.reports import end_to_end, measurement, report

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(
    ("ending", "start"),
    [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")],
)
def test_a_plot_is_what_its_name_says(ending: str, start: bytes, tmp_path: Path) -> None:
    plot(
        report(measurement(), measurement(kind="detector"), end_to_end(batch=2, streams=4)),
        tmp_path / f"bench{ending}",
    )
    assert (tmp_path / f"bench{ending}").read_bytes().startswith(start)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.png, \.svg, \.pdf"):
        plot(report(), tmp_path / "bench.txt")
    assert not list(tmp_path.iterdir())
