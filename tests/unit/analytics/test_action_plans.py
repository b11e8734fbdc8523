"""What a rules file may say of actions, and the one clear line for what makes no sense."""

from typing import Any

import pytest

from ssd_live.analytics.action_plans import (
    ActionPlan,
    ClipAction,
    CommandAction,
    FileLimits,
    MqttAction,
    NotificationAction,
    SnapshotAction,
    SoundAction,
    WebhookAction,
    actions_in,
)
from ssd_live.errors import UsageError

SECRET = "hunter2"


def _plan(**action: Any) -> ActionPlan:
    return actions_in({"actions": [{"name": "A", **action}]})


def test_actions_are_read_with_their_defaults() -> None:
    assert actions_in({}) == ActionPlan((), FileLimits("events", 10_000.0, 365.0))
    assert _plan(kind="snapshot").actions == (SnapshotAction("A", boxes=True),)
    assert _plan(kind="clip").actions == (ClipAction("A", 5.0, 10.0, boxes=True),)
    assert _plan(kind="clip", before=0, after=2.5, boxes=False).actions == (
        ClipAction("A", 0.0, 2.5, boxes=False),
    )
    assert _plan(kind="notification").actions == (NotificationAction("A"),)
    assert _plan(kind="sound").actions == (SoundAction("A", ""),)
    assert _plan(kind="sound", file="gong.wav").actions == (SoundAction("A", "gong.wav"),)
    assert _plan(kind="command", command=["ls", "-l"]).actions == (
        CommandAction("A", ("ls", "-l")),
    )
    assert _plan(kind="webhook", address="HTTPS://h/x?y=1").actions == (
        WebhookAction("A", "HTTPS://h/x?y=1", picture=True),
    )
    mqtt = {"kind": "mqtt", "address": "mqtt://u:p@h:1884/a/b", "home_assistant": True}
    assert _plan(**mqtt).actions == (
        MqttAction("A", "mqtt://u:p@h:1884/a/b", picture=False, home_assistant=True),
    )
    limits = {"folder": "x", "megabytes": 5, "days": 0.5}
    assert actions_in({"files": limits}).files == FileLimits("x", 5.0, 0.5)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            {"kind": "mail"},
            '"kind" must be snapshot, clip, notification, sound, command, webhook, mqtt',
        ),
        ({"kind": []}, '"kind" must be'),
        ({"kind": "snapshot", "size": 3}, "has no property 'size'"),
        ({"kind": "snapshot", "boxes": 1}, '"boxes" must be true or false'),
        ({"kind": "clip", "before": 61}, '"before" must be from 0 to 60 seconds'),
        ({"kind": "clip", "after": -1}, '"after" must be from 0 to 600 seconds'),
        ({"kind": "clip", "after": "3"}, '"after" must be a number of seconds'),
        ({"kind": "clip", "after": float("nan")}, '"after" must be from 0 to 600 seconds'),
        ({"kind": "notification", "text": "x"}, "has no property 'text'"),
        ({"kind": "sound", "file": 3}, '"file" must be the path of a sound file'),
        ({"kind": "sound", "file": "a\0"}, '"file" must be the path of a sound file'),
        ({"kind": "command"}, '"command" must be a list of a program and its arguments'),
        ({"kind": "command", "command": []}, '"command" must be a list'),
        ({"kind": "command", "command": "ls"}, '"command" must be a list'),
        ({"kind": "command", "command": ["a\0b"]}, '"command" must be a list'),
        ({"kind": "webhook"}, '"address" must start with http:// or https://'),
        ({"kind": "webhook", "address": f"ftp://u:{SECRET}@h/x"}, '"address" must start with'),
        ({"kind": "webhook", "address": f"http://u:{SECRET}@h:x/"}, '"address" must start with'),
        ({"kind": "webhook", "address": "http:///x"}, "name a host"),
        ({"kind": "webhook", "address": f"http://{'x' * 64}/"}, "name a host"),
        ({"kind": "webhook", "address": "http://h/a b"}, "name a host"),
        ({"kind": "webhook", "address": "http://h/\n"}, "name a host"),
        ({"kind": "mqtt", "address": "http://h/x"}, "mqtt:// or mqtts://"),
        ({"kind": "mqtt", "address": "mqtt://h/a/+/b"}, "must not contain # or +"),
    ],
)
def test_an_action_that_makes_no_sense_gets_one_clear_line(
    action: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        _plan(**action)
    assert message in str(error.value)
    assert str(error.value).startswith("action 'A': ")
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"actions": {}}, '"actions" must be a list'),
        ({"actions": [{"name": str(n), "kind": "snapshot"} for n in range(65)]}, "at most 64"),
        ({"actions": [3]}, "action 1 is not an object"),
        ({"actions": [{"kind": "snapshot"}]}, "a name has 1 to 80 characters"),
        ({"actions": [{"name": "A", "kind": "snapshot"}] * 2}, "two actions have the name 'A'"),
        ({"files": []}, '"files" must be an object'),
        ({"files": {"folder": ""}}, '"folder" must be the path of a folder'),
        ({"files": {"megabytes": 0}}, '"megabytes" must be from 1'),
        ({"files": {"day": 1}}, "has no property 'day'"),
    ],
)
def test_a_file_with_wrong_actions_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        actions_in(data)
