"""What a figure is made of, and how sure it is."""

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from ssd_live.bench.records import Report, percentiles, uncertainty
from tests.unit.bench.reports import end_to_end, measurement, report


@pytest.mark.parametrize("count", [1, 2, 3, 20, 99, 100, 101, 1000])
def test_percentiles_are_numpys_of_the_nearest_rank(count: int) -> None:
    values = np.random.default_rng(count).gamma(2, 5, count).round(3).tolist()
    found = percentiles(values)
    assert found is not None
    assert [found.p50, found.p95, found.p99] == np.percentile(
        values, [50, 95, 99], method="inverted_cdf"
    ).tolist()


def test_of_no_latencies_there_are_no_percentiles() -> None:
    assert percentiles([]) is None


@pytest.mark.parametrize("count", [2, 3, 5, 8, 11, 40])
def test_nineteen_of_twenty_intervals_hold_the_true_median(count: int) -> None:
    runs = np.random.default_rng(1).normal(100, 7, (2000, count))
    holds = [
        abs(np.median(run) - 100) <= uncertainty(run.tolist()) * np.median(run) for run in runs
    ]
    assert 0.94 <= np.mean(holds) <= 0.99


def test_one_sample_is_no_certainty() -> None:
    assert uncertainty([100.0]) == math.inf
    assert uncertainty([]) == math.inf
    assert uncertainty([100.0, 100.0]) == 0


def test_a_figure_is_the_median_of_its_samples_and_is_held_against_its_bound() -> None:
    figure = end_to_end(samples=(10.0, 500.0, 150.0), bound_fps=200.0)
    assert (figure.fps, figure.share) == (150.0, 0.75)
    assert measurement(bound_fps=None).share is None
    assert measurement(samples=()).fps == 0


def test_a_report_is_read_back_as_it_was_written() -> None:
    written = report(measurement(samples=(100.0,)), end_to_end())
    assert Report.model_validate_json(written.model_dump_json()) == written


def test_medians_shares_and_uncertainties_stand_in_the_json() -> None:
    network, whole = json.loads(
        report(measurement(samples=(100.0,)), end_to_end(samples=(90.0, 110.0))).model_dump_json()
    )["measurements"]
    assert (network["fps"], network["uncertainty"], network["share"]) == (100.0, None, None)
    assert (whole["fps"], whole["share"]) == (100.0, 0.5)
    assert whole["uncertainty"] > 1


@pytest.mark.parametrize(
    "changed",
    [{"format": 2}, {"machine": {}}, {"surprise": 1}, {"measurements": [{"kind": "guess"}]}],
)
def test_what_is_no_report_is_not_taken_for_one(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Report.model_validate_json(json.dumps(json.loads(report().model_dump_json()) | changed))
