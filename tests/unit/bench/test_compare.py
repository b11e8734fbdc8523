"""What changed since an earlier run, and how sure that is."""

import pytest

from ssd_live.bench.compare import changes, differences
from tests.unit.bench.reports import end_to_end, machine, measurement, report


def _verdict(before: tuple[float, ...], after: tuple[float, ...]) -> str:
    (change,) = changes(report(measurement(samples=before)), report(measurement(samples=after)))
    return change.verdict


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ((100.0, 101.0, 99.0), "the same"),
        ((102.5, 102.5, 102.5), "the same"),
        ((110.0, 110.0, 110.0), "faster"),
        ((90.0, 90.0, 90.0), "slower"),
        ((60.0, 110.0, 160.0), "the same"),
    ],
)
def test_a_change_counts_once_it_is_larger_than_its_uncertainty(
    after: tuple[float, ...], verdict: str
) -> None:
    assert _verdict((100.0, 100.0, 100.0), after) == verdict


def test_after_a_single_turn_nobody_can_be_sure() -> None:
    assert _verdict((100.0,), (900.0, 900.0)) == "unsure"
    assert _verdict((100.0, 100.0), (900.0,)) == "unsure"


def test_uncertainties_of_both_runs_and_between_runs_add_up_in_units_of_the_ratio() -> None:
    before, after = (
        measurement(samples=(95.0, 100.0, 105.0)),
        measurement(samples=(190.0, 200.0, 210.0)),
    )
    (change,) = changes(report(before), report(after))
    assert change.ratio == 2
    assert change.uncertainty == pytest.approx(2 * (2 * before.uncertainty**2 + 0.03**2) ** 0.5)


def test_only_what_both_measured_is_compared() -> None:
    old = report(
        measurement(),
        measurement(batch=8),
        end_to_end(samples=()),
        measurement(what="many in flight"),
    )
    new = report(
        measurement(samples=(50.0, 50.0)),
        measurement(batch=4),
        end_to_end(),
        end_to_end(source="pattern"),
    )
    assert [(change.before, change.after) for change in changes(old, new)] == [
        (old.measurements[0], new.measurements[0])
    ]


def test_two_runs_of_one_machine_have_no_differences() -> None:
    assert differences(report(), report(machine=machine(load_before=3.0, others_busy=0.5))) == []


def test_what_is_other_about_the_machine_is_told() -> None:
    other = machine(
        processor="B",
        cores=8,
        governor="",
        on_battery=True,
        gpus=("driver 1", "a GPU"),
        versions={"ssd_live": "1.1", "openvino": "2026.4", "av": "18"},
    )
    assert differences(report(), report(machine=other)) == [
        "another processor: A processor, now B",
        "another number of cores: 4, now 8",
        "another GPU or driver: none, now driver 1, a GPU",
        "another power state: performance, now unknown",
        "on battery: unknown, now yes",
        "av absent, now 18",
        "ssd_live 1.0, now 1.1",
    ]
