"""Write rules and actions as the contents of a rules file, which `rules.read_rules` reads."""

import json
from dataclasses import fields
from typing import Any

from ssd_live.analytics.action_plans import (
    Action,
    ClipAction,
    CommandAction,
    FileLimits,
    MqttAction,
    NotificationAction,
    SnapshotAction,
    SoundAction,
    WebhookAction,
)
from ssd_live.analytics.rules import DAYS, VERSION, Rule, RuleBook

_KINDS: dict[type[Action], str] = {
    SnapshotAction: "snapshot",
    ClipAction: "clip",
    NotificationAction: "notification",
    SoundAction: "sound",
    CommandAction: "command",
    WebhookAction: "webhook",
    MqttAction: "mqtt",
}


def rules_text(book: RuleBook) -> str:
    """Return the contents of a rules file with these rules and actions, as JSON."""
    data: dict[str, Any] = {"version": VERSION, "rules": [_rule_dict(its) for its in book.rules]}
    if book.plan.actions:
        data["actions"] = [_action_dict(its) for its in book.plan.actions]
    if book.plan.files != FileLimits():
        data["files"] = {
            field.name: getattr(book.plan.files, field.name) for field in fields(FileLimits)
        }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _rule_dict(rule: Rule) -> dict[str, Any]:
    values: dict[str, Any] = {"name": rule.name, "zone": rule.zone, "when": rule.kind}
    if rule.begin is not None and rule.end is not None:
        values |= {"from": f"{rule.begin:%H:%M}", "to": f"{rule.end:%H:%M}"}
    more = {
        "classes": list(rule.classes),
        "seconds": rule.seconds,
        "at_least": rule.at_least if rule.at_least > 1 else 0,
        "days": [DAYS[day] for day in rule.days],
        "pause": rule.pause,
        "do": list(rule.do),
    }
    return values | {key: value for key, value in more.items() if value}


def _action_dict(action: Action) -> dict[str, Any]:
    values: dict[str, Any] = {"name": action.name, "kind": _KINDS[type(action)]}
    for field in fields(action):
        value = getattr(action, field.name)
        if field.name != "name" and value != field.default:
            key = "command" if field.name == "words" else field.name
            values[key] = list(value) if isinstance(value, tuple) else value
    if isinstance(action, MqttAction | WebhookAction):
        # The reader's default is another one than that of the class.
        values["picture"] = action.picture
    return values
