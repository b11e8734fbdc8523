"""A report as tables, and as one HTML file."""

from html.parser import HTMLParser

from ssd_live.bench.compare import changes
from ssd_live.bench.tables import Table, as_html, comparison, headline, tables
from tests.unit.bench.reports import costs, end_to_end, machine, measurement, report

# These have no end.
_VOID = {"meta", "br"}


class Page(HTMLParser):
    """Checks that every element is closed in its place; `text` is what is read, `rows` the cells of
    each table's rows.
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.rows: list[list[int]] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href"}, "a file outside"
        if tag == "table":
            self.rows.append([])
        if tag == "tr":
            self.rows[-1].append(0)
        if tag in ("td", "th"):
            self.rows[-1][-1] += 1
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _column(table: Table, name: str) -> list[str]:
    return [row[table.columns.index(name)] for row in table.rows]


def test_each_kind_has_a_table_of_its_own_and_the_stages_another() -> None:
    found = tables(
        report(
            measurement(),
            end_to_end(),
            measurement(kind="detector", what="a frame"),
            measurement(batch=8),
        )
    )
    assert [(table.title.partition(":")[0], len(table.rows)) for table in found] == [
        ("network alone", 2),
        ("detector", 1),
        ("end to end", 1),
        ("stages of tiny on openvino fp32, each alone in one thread", 4),
    ]


def test_a_row_says_what_ran_how_fast_and_how_sure_that_is() -> None:
    (table, _) = tables(
        report(end_to_end(samples=(150.0, 150.0), streams=2, batch=4, bound_fps=200.0, joules=1.25))
    )
    assert table.columns == ("what runs", "how", "FPS", "±", "bound", "share", "MB", "J a frame")
    assert table.rows == (
        (
            "tiny, openvino fp32, batch 4, 2 streams",
            "H.264 video",
            "150.0",
            "0.0%",
            "200",
            "0.75",
            "200",
            "1.250",
        ),
    )


def test_a_single_turn_has_no_spread_and_a_wide_one_no_figure() -> None:
    (table, _) = tables(report(measurement(samples=(5.0,)), measurement(samples=(1.0, 10.0))))
    assert _column(table, "±") == ["one sample", "over 100%"]


def test_bars_are_shares_of_the_fastest_of_their_kind() -> None:
    (table, *_) = tables(
        report(
            measurement(samples=(50.0, 50.0)),
            measurement(batch=2, samples=(200.0, 200.0)),
            end_to_end(samples=(900.0, 900.0)),
        )
    )
    assert table.bars == (0.25, 1.0)


def test_shares_of_the_stages_are_of_those_that_lie_in_no_other() -> None:
    table = tables(report())[-1]
    assert table.rows == (
        ("decode", "1.00", "25%"),
        ("inference", "3.00", "75%"),
        ("NMS (within inference)", "0.50", "12%"),
        ("tracking, live (not in the sum)", "0.20", "5%"),
    )


def test_stages_too_quick_for_the_clock_are_no_division_by_nought() -> None:
    nothing = costs().model_copy(
        update={
            "stages": tuple(stage.model_copy(update={"cpu_ms": 0.0}) for stage in costs().stages)
        }
    )
    assert _column(tables(report(stages=(nothing,)))[-1], "share") == ["0%"] * 4


def test_a_comparison_shows_ratio_and_verdict() -> None:
    found = comparison(
        changes(report(measurement(samples=(50.0,) * 3)), report(measurement(samples=(100.0,) * 3)))
    )
    assert found.rows == (
        (
            "network",
            "tiny, openvino fp32",
            "one at a time",
            "50.0",
            "100.0",
            "2.000 ± 0.060",
            "faster",
        ),
    )


def test_the_headline_is_the_machine() -> None:
    assert (
        headline(report(machine=machine(gpus=("driver 1", "a GPU"))))
        == "A processor, 4 cores, 16 GiB, driver 1, a GPU, governor performance"
    )


def test_the_html_is_one_well_formed_file_with_everything_in_it() -> None:
    old, new = report(measurement(samples=(50.0,) * 3)), report(warnings=("the machine was busy",))
    page = Page(as_html(new, changes(old, new)))
    for words in (
        "A processor, 4 cores",
        "openvino 2026.4",
        "main.py bench",
        "the machine was busy",
        "H.264 video",
        "against the earlier run",
        "faster",
    ):
        assert words in page.text
    assert len(page.rows) == 4
    assert all(len(set(rows)) == 1 for rows in page.rows), "rows of unequal length"


def test_names_are_text_in_the_html_whatever_stands_in_them() -> None:
    evil = "<script>alert('&amp;')</script>\"[b]"
    whole = report(
        measurement(model=evil, what=evil),
        command=evil,
        warnings=(evil,),
        machine=machine(processor=evil, versions={evil: evil}),
        stages=(costs().model_copy(update={"model": evil}),),
    )
    page = Page(as_html(whole, changes(whole, whole)))
    assert "script" not in page.seen
    assert page.text.count(evil) >= 8
