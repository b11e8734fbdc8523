"""What the plots show, taken from the figures that are written, and the files that they are written
to.
"""

import math
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from ssd_live.errors import MissingPackageError, OutputError
from ssd_live.evaluation.average_precision import Curve
from ssd_live.evaluation.evaluate import Evaluation
from ssd_live.evaluation.plots import precision_over_speed, precision_recall, training_curves
from ssd_live.imaging.plotting import check_plot
from ssd_live.training.log import COLUMNS

# Right, wrong, right of two objects.
POINTS = ((0.5, 1.0), (0.5, 0.5), (1.0, 2 / 3))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are written, in order."""
    figures: list[Figure] = []
    save = Figure.savefig

    def record(figure: Figure, *words: Any, **named: Any) -> None:
        figures.append(figure)
        save(figure, *words, **named)

    monkeypatch.setattr(Figure, "savefig", record)
    return figures


def evaluation(
    figures: dict[str, float], points: Sequence[tuple[float, float]] = POINTS
) -> Evaluation:
    """Of classes with these average precisions, nan for no figure."""
    recall, precision = np.array([x for x, _ in points]), np.array([y for _, y in points])
    curves = {
        name: Curve(recall, precision, np.linspace(0.9, 0.1, len(points)), 2) for name in figures
    }
    return Evaluation(
        tuple(figures),
        figures,
        curves,
        {},
        np.zeros((len(figures) + 1,) * 2, np.int64),
        (),
        (),
        (),
        (),
    )


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


def legend(figure: Figure) -> list[str]:
    """Of the first panel."""
    shown: Any = figure.axes[0].get_legend()
    return [text.get_text() for text in shown.get_texts()]


def write_log(folder: Path, *rows: str) -> Path:
    path = folder / "log.csv"
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "begin"),
    [("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.svg", b"<?xml"), ("A.PNG", b"\x89PNG")],
)
def test_the_ending_of_the_name_says_the_format(tmp_path: Path, name: str, begin: bytes) -> None:
    precision_recall(tmp_path / name, {"model": evaluation({"cat": 0.5})})
    assert (tmp_path / name).read_bytes().startswith(begin)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_plot_can_be_read_as_a_picture(tmp_path: Path) -> None:
    precision_recall(tmp_path / "a.png", {"model": evaluation({"cat": 0.5})})
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None
    assert picture.shape[0] > 200
    assert picture.std() > 0


def test_every_class_has_a_panel_the_worst_first(tmp_path: Path, drawn: list[Figure]) -> None:
    precision_recall(
        tmp_path / "a.svg", {"model": evaluation({"cat": 0.9, "dog": 0.1, "cow": 0.5})}
    )
    assert titles(drawn[0]) == ["dog", "cow", "cat"]


def test_a_class_without_a_figure_has_no_panel(tmp_path: Path, drawn: list[Figure]) -> None:
    precision_recall(tmp_path / "a.svg", {"model": evaluation({"cat": 0.9, "dog": math.nan})})
    assert titles(drawn[0]) == ["cat"]


def test_of_many_classes_the_worst_are_shown(tmp_path: Path, drawn: list[Figure]) -> None:
    precision_recall(
        tmp_path / "a.svg",
        {"model": evaluation({f"class {number}": number / 40 for number in reversed(range(40))})},
    )
    assert titles(drawn[0]) == [f"class {number}" for number in range(24)]


def test_every_model_has_a_line_with_its_figure(tmp_path: Path, drawn: list[Figure]) -> None:
    precision_recall(
        tmp_path / "a.svg", {"one": evaluation({"cat": 0.5}), "two": evaluation({"cat": 0.75})}
    )
    assert legend(drawn[0]) == ["one: 50.0", "two: 75.0"]
    assert len(drawn[0].axes[0].lines) == 2


def test_a_class_that_one_of_two_models_knows_has_its_line_alone(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    precision_recall(
        tmp_path / "a.svg", {"one": evaluation({"cat": math.nan}), "two": evaluation({"cat": 0.75})}
    )
    assert legend(drawn[0]) == ["two: 75.0"]


def test_a_precision_holds_for_the_recall_up_to_its_own(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    precision_recall(tmp_path / "a.svg", {"model": evaluation({"cat": 0.5})})
    line: Any = drawn[0].axes[0].lines[0]
    assert line.get_drawstyle() == "steps-pre"
    np.testing.assert_allclose(line.get_xydata(), [(0, 1), *POINTS])


def test_one_object_found_at_once_is_a_line_and_not_a_point(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    precision_recall(tmp_path / "a.svg", {"model": evaluation({"cat": 1.0}, [(1.0, 1.0)])})
    line: Any = drawn[0].axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xydata(), [(0, 1), (1, 1)])


@pytest.mark.parametrize("figures", [{}, {"cat": math.nan}, {"cat": 0.0}])
def test_a_plot_of_nothing_is_written_too(tmp_path: Path, figures: dict[str, float]) -> None:
    precision_recall(tmp_path / "a.svg", {"model": evaluation(figures, [])})
    ElementTree.parse(tmp_path / "a.svg")


@pytest.mark.parametrize(
    "name",
    ["$\\frac$", "$x$", "a_b^c", "[red]x[/red]", "<b>&", "고양이", "one\ntwo", "\x01", "\ud800"],
)
def test_a_class_may_have_any_name(tmp_path: Path, drawn: list[Figure], name: str) -> None:
    with warnings.catch_warnings():
        # A font without the letters is no reason for words on the terminal.
        warnings.simplefilter("error")
        precision_recall(tmp_path / "a.svg", {"model": evaluation({name: 0.5})})
    ElementTree.parse(tmp_path / "a.svg")
    assert titles(drawn[0]) == [
        name
        if name.isprintable()
        else name.replace("\n", "?").replace("\x01", "?").replace("\ud800", "?")
    ]


@pytest.mark.parametrize("name", ["a.jpg", "a", "png", ".png"])
def test_another_ending_is_refused_before_and_after_the_work(tmp_path: Path, name: str) -> None:
    for refused in (
        check_plot,
        lambda path: precision_recall(path, {"model": evaluation({"cat": 0.5})}),
    ):
        with pytest.raises(OutputError, match=r"\.png, \.svg, \.pdf") as caught:
            refused(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        precision_recall(tmp_path / "file" / "a.png", {"model": evaluation({"cat": 0.5})})


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    precision_recall(tmp_path / "new" / "a.svg", {"model": evaluation({"cat": 0.5})})
    assert (tmp_path / "new" / "a.svg").is_file()


def test_without_matplotlib_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for path in (tmp_path / "a.png", tmp_path / "a.svg"):
        with pytest.raises(MissingPackageError, match="matplotlib"):
            check_plot(path)


def test_a_training_shows_both_losses_and_the_validation(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    log = write_log(tmp_path, "10,0.1,3.5,2.5,4,", "20,0.1,1.5,0.5,4,0.25", "30,0.1,1,0.25,4,0.75")
    training_curves(tmp_path / "a.png", log)
    losses, scores = drawn[0].axes
    lines: Any = {str(line.get_label()): line.get_xydata() for line in losses.lines}
    np.testing.assert_array_equal(lines["localisation"], [(10, 3.5), (20, 1.5), (30, 1)])
    np.testing.assert_array_equal(lines["confidence"], [(10, 2.5), (20, 0.5), (30, 0.25)])
    validated: Any = scores.lines[0].get_xydata()
    np.testing.assert_array_equal(validated, [(20, 0.25), (30, 0.75)])
    assert scores.get_ylabel() == "validation mAP"


def test_a_training_without_validation_shows_the_learning_rate(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    training_curves(
        tmp_path / "a.png", write_log(tmp_path, "10,0.1,3.5,2.5,4,", "20,0.01,1.5,0.5,4,")
    )
    scores = drawn[0].axes[1]
    rates: Any = scores.lines[0].get_xydata()
    np.testing.assert_array_equal(rates, [(10, 0.1), (20, 0.01)])
    assert scores.get_ylabel() == "learning rate"


@pytest.mark.parametrize("torn", ["20", "20,0.01", "20,0.01,1.5,0.5,4"])
def test_a_last_line_that_was_cut_off_is_left_out(
    tmp_path: Path, drawn: list[Figure], torn: str
) -> None:
    training_curves(tmp_path / "a.png", write_log(tmp_path, "10,0.1,3.5,2.5,4,", torn))
    steps: Any = drawn[0].axes[0].lines[0].get_xdata()
    assert list(steps) == [10]


@pytest.mark.parametrize(
    "rows", [(), ("10,0.1,0,0,4,",), ("10,0.1,nan,nan,4,", "20,0.1,inf,0,4,0.5")]
)
def test_a_log_with_no_loss_to_show_is_plotted_without_a_word(
    tmp_path: Path, rows: tuple[str, ...]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        training_curves(tmp_path / "a.png", write_log(tmp_path, *rows))
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_every_detector_is_a_point_of_its_speed_and_precision(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    precision_over_speed(tmp_path / "a.svg", {"ours": (120.0, 0.5), "a $large$ one": (8.0, 0.75)})
    assert legend(drawn[0]) == ["ours", "a $large$ one"]
    shown: Any = drawn[0].axes[0].collections
    assert [points.get_offsets().tolist() for points in shown] == [[[120, 50]], [[8, 75]]]
