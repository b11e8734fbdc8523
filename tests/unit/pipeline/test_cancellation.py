"""A request to end work early, which all parts of the work share."""

import pytest

from ssd_live.pipeline.cancellation import Cancellation


def test_nothing_is_cancelled_at_first() -> None:
    cancellation = Cancellation()
    assert not cancellation.is_stopped
    assert not cancellation.is_aborted


def test_a_stop_is_no_abort_and_an_abort_is_a_stop_too() -> None:
    cancellation = Cancellation()
    cancellation.stop()
    assert (cancellation.is_stopped, cancellation.is_aborted) == (True, False)
    cancellation.abort()
    assert (cancellation.is_stopped, cancellation.is_aborted) == (True, True)


def test_the_callback_is_called_at_every_request_inside_its_block_only() -> None:
    cancellation, calls = Cancellation(), []
    with cancellation.calls(lambda: calls.append(cancellation.is_aborted)):
        assert calls == []
        cancellation.stop()
        cancellation.abort()
    cancellation.abort()
    assert calls == [False, True]


def test_a_callback_that_comes_late_is_called_at_once() -> None:
    cancellation, calls = Cancellation(), []
    cancellation.stop()
    with cancellation.calls(lambda: calls.append("called")):
        assert calls == ["called"]


def test_a_callback_leaves_with_its_block_though_that_fails() -> None:
    cancellation, calls = Cancellation(), []
    with (
        pytest.raises(ValueError, match="work"),
        cancellation.calls(lambda: calls.append("called")),
    ):
        raise ValueError("work failed")
    cancellation.stop()
    assert calls == []
