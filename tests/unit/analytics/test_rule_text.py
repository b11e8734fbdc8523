"""Rules and actions are read as they were written."""

import json
from datetime import time

from ssd_live.analytics.action_plans import (
    ActionPlan,
    ClipAction,
    CommandAction,
    FileLimits,
    MqttAction,
    SnapshotAction,
    WebhookAction,
)
from ssd_live.analytics.rule_text import rules_text
from ssd_live.analytics.rules import Rule, RuleBook, fitting, rules_in
from ssd_live.analytics.zones import Zone

LINE = Zone("Gate", "line", ((0, 0), (1, 1)))
AREA = Zone("Yard", "area", ((0, 0), (1, 0), (1, 1)))
MASK = Zone("Tree", "mask", ((0, 0), (1, 0), (1, 1)))


def test_everything_comes_back() -> None:
    rules = (
        Rule("Plain", "Gate", "in"),
        Rule(
            "Full", "Yard", "count", ("Person", "Car"), 3.5, 4, time(18, 5), time(7), (0, 6), 60.0,
            ("a", "b", "c", "d", "e"),
        ),
        Rule("Inside", "Nowhere", "inside", seconds=2.0),
    )  # fmt: skip
    actions = (
        SnapshotAction("a", boxes=False),
        ClipAction("b", 2.0, 3.0),
        CommandAction("c", ("bell", "-v")),
        WebhookAction("d", "https://h/x", picture=False),
        MqttAction("e", "mqtt://h/t", picture=True, home_assistant=True),
    )
    for plan in (ActionPlan(actions), ActionPlan(actions, FileLimits("/x", 5.0, 2.0))):
        book = RuleBook(rules, plan)
        assert rules_in(json.loads(rules_text(book)), None, None) == book
    assert json.loads(rules_text(RuleBook())) == {"version": 1, "rules": []}


def test_only_what_is_not_usual_is_written() -> None:
    book = RuleBook((Rule("Plain", "Gate", "in"),), ActionPlan((ClipAction("b"),)))
    assert json.loads(rules_text(book)) == {
        "version": 1,
        "rules": [{"name": "Plain", "zone": "Gate", "when": "in"}],
        "actions": [{"name": "b", "kind": "clip"}],
    }


def test_rules_without_a_zone_that_fits_are_left_out() -> None:
    rules = (
        Rule("a", "Gate", "in"),
        Rule("b", "Gate", "inside"),
        Rule("c", "Yard", "count"),
        Rule("d", "Tree", "in"),
        Rule("e", "Gone", "in"),
    )
    assert [rule.name for rule in fitting(rules, (LINE, AREA, MASK))] == ["a", "c"]
