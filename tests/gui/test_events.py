"""Events of rules in the window: notices, their files, and what does not fit."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ssd_live.actions.outbox import Outbox, outbox_of
from ssd_live.analytics.rules import RuleBook, rules_in
from ssd_live.analytics.zones import Zone
from ssd_live.remote.network import ModelRequest
from tests.gui.desk import SMALL_PATTERN, Desk
from tests.gui.waiting import wait_until

Desks = Callable[..., Desk]
ZONES = (Zone("All", "area", ((0, 0), (1, 0), (1, 1), (0, 1))),)


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zones are stored beside the settings."""
    monkeypatch.setenv("SSD_LIVE_SETTINGS", str(tmp_path / "config" / "settings.json"))


def _book(*classes: str, **action: object) -> RuleBook:
    rule = {"name": "Stays", "zone": "All", "when": "count", "classes": list(classes)}
    actions = [{"name": "it", **action}] if action else []
    data = {"version": 1, "rules": [{**rule, "do": ["it"] if action else []}], "actions": actions}
    return rules_in(data, ZONES, None)


def test_an_event_is_shown_with_its_files(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    opened = desk(
        model_request=cat_and_dog,
        zones=ZONES,
        book=_book("cat", kind="snapshot"),
        rules_file=tmp_path / "rules.json",
    )
    wait_until(lambda: "Stays" in opened.window.notice.text, "the event is told")
    assert opened.window.notice.kind == "done"
    assert opened.is_on("track")
    wait_until(lambda: any((tmp_path / "events").glob("*.jpg")), "the snapshot is there")
    opened.close()
    # Nothing more happens after the end.
    assert len(list((tmp_path / "events").iterdir())) == 1


def test_a_class_that_the_model_lacks_is_told(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    opened = desk(
        model_request=cat_and_dog,
        zones=ZONES,
        book=_book("horse"),
        rules_file=tmp_path / "rules.json",
    )
    wait_until(lambda: opened.window.notice.kind == "error", "it is told")
    assert opened.window.notice.text == "Rule Stays: the model has no class horse"


def test_rules_that_another_program_uses_leave_the_window_as_it_is(
    desk: Desks, cat_and_dog: ModelRequest, tmp_path: Path
) -> None:
    rules_file = tmp_path / "rules.json"
    post = {"kind": "webhook", "address": "http://127.0.0.1:9/"}
    with Outbox(outbox_of(rules_file, SMALL_PATTERN)):
        opened = desk(
            model_request=cat_and_dog,
            zones=ZONES,
            book=_book("cat", **post),
            rules_file=rules_file,
        )
        wait_until(
            lambda: "another program watches this source" in opened.window.notice.text, "it is told"
        )
        wait_until(lambda: opened.counts.inferred > 3, "detection goes on")
        # The model was loaded, and the notice stays.
        assert "another program watches this source" in opened.window.notice.text
