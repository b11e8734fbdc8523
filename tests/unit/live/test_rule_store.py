"""The rules that are kept for each source."""

import stat
from pathlib import Path

import pytest

from ssd_live.analytics.rules import Rule, RuleBook
from ssd_live.live.rule_store import load_rules, rules_path, save_rules
from ssd_live.live.zone_store import zones_path
from ssd_live.video.sources import SourceSpec

BOOK = RuleBook((Rule("Stays", "Gone", "inside", seconds=3.0),))
SOURCE = SourceSpec("camera", "0", "Front")


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD_LIVE_SETTINGS", str(tmp_path / "config" / "settings.json"))


def test_each_source_has_its_own_which_only_the_user_may_read() -> None:
    path = rules_path(SOURCE)
    assert path.name == zones_path(SOURCE).name
    assert load_rules(SOURCE) == (RuleBook(), "")
    save_rules(BOOK, path)
    assert load_rules(SOURCE) == (BOOK, "")
    assert load_rules(SourceSpec("camera", "1", "Back")) == (RuleBook(), "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    save_rules(RuleBook(), path, is_own=False)
    assert load_rules(SOURCE) == (RuleBook(), "")
    assert path.exists()
    save_rules(RuleBook(), path)
    assert not path.exists()
    save_rules(RuleBook(), path)


def test_a_broken_file_is_set_aside() -> None:
    path = rules_path(SOURCE)
    save_rules(BOOK, path)
    path.write_text("{")
    book, message = load_rules(SOURCE)
    assert book == RuleBook()
    assert message.startswith("the rules of this source are not used: ")
    assert "; they are kept in " in message
    assert load_rules(SOURCE) == (RuleBook(), "")
