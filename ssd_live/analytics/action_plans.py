"""What the events of rules start: snapshots, clips, commands and messages, as a file names them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ssd_live.analytics.config_item import ConfigItem, named_item, quoted
from ssd_live.errors import UsageError

_MOST_ACTIONS, _LONGEST_CLIP_SECONDS = 64, 600.0
# Old frames wait in memory, so this time is shorter.
_LONGEST_BEFORE_SECONDS = 60.0


@dataclass(frozen=True)
class Action:
    """Something that an event can start. `name` is what the rules call it."""

    name: str


@dataclass(frozen=True)
class SnapshotAction(Action):
    """Write the frame of the event as a JPEG file, with its boxes if `boxes` is true."""

    boxes: bool = True


@dataclass(frozen=True)
class ClipAction(Action):
    """Write a video from `before` seconds before the event to `after` seconds after it.

    An event that comes before its end makes the clip longer, up to 10 minutes.
    """

    before: float = 5.0
    after: float = 10.0
    boxes: bool = True


@dataclass(frozen=True)
class CommandAction(Action):
    """Run a program: `words` are its path and its arguments. No shell sees them."""

    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotificationAction(Action):
    """Show a notification on the desktop, with the text of the event."""


@dataclass(frozen=True)
class SoundAction(Action):
    """Play the sound in `file`, which is meant relative to the folder of the rules file.

    "" is the program's own sound.
    """

    file: str = ""


@dataclass(frozen=True)
class MessageAction(Action):
    """Send a message about the event. With `picture`, a picture of the object goes with it."""

    address: str = ""
    picture: bool = True


@dataclass(frozen=True)
class WebhookAction(MessageAction):
    """Send the event as JSON to the http or https `address`."""


@dataclass(frozen=True)
class MqttAction(MessageAction):
    """Publish the event on the MQTT broker and under the topic of `address`.

    With `home_assistant`, the rule shows up in Home Assistant by itself.
    """

    home_assistant: bool = False


@dataclass(frozen=True)
class FileLimits:
    """How much room the files of events may take, and how old they may get, in days.

    `folder` is where they lie. It is meant relative to the folder of the rules file.
    """

    folder: str = "events"
    megabytes: float = 10_000.0
    days: float = 365.0


@dataclass(frozen=True)
class ActionPlan:
    """The actions that rules may start, and the limits of the files that these write."""

    actions: tuple[Action, ...] = ()
    files: FileLimits = FileLimits()


def actions_in(data: dict[str, Any]) -> ActionPlan:
    """Return the actions in the contents of a rules file, which may have none.

    Raises `UsageError` if an action makes no sense.
    """
    listed = data.get("actions", [])
    if not isinstance(listed, list) or len(listed) > _MOST_ACTIONS:
        raise UsageError(f'"actions" must be a list of at most {_MOST_ACTIONS} actions')
    actions = tuple(_action(each, number) for number, each in enumerate(listed, 1))
    names = [action.name for action in actions]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two actions have the name {quoted(name)}; rename one")
    return ActionPlan(actions, _limits(data.get("files", {})))


def _limits(value: object) -> FileLimits:
    if not isinstance(value, dict):
        raise UsageError('"files" must be an object; see docs/events.md')
    item = ConfigItem(value, '"files"')
    item.check_keys({"folder", "megabytes", "days"})
    folder = value.get("folder", FileLimits.folder)
    if not isinstance(folder, str) or not folder.strip() or "\0" in folder:
        raise UsageError('"files": "folder" must be the path of a folder')
    return FileLimits(
        folder,
        item.number("megabytes", FileLimits.megabytes, 1, 1e9, "megabytes"),
        item.number("days", FileLimits.days, 0.01, 1e5, "days"),
    )


def _action(value: object, number: int) -> Action:
    name, item = named_item(value, "action", number)
    kind = item.values.get("kind")
    if not isinstance(kind, str) or kind not in _READERS:
        raise UsageError(f'{item.title}: "kind" must be {", ".join(_READERS)}')
    keys, read = _READERS[kind]
    item.check_keys({"name", "kind", *keys})
    return read(name, item)


def _clip(name: str, item: ConfigItem) -> ClipAction:
    return ClipAction(
        name,
        item.number("before", ClipAction.before, 0, _LONGEST_BEFORE_SECONDS, "seconds"),
        item.number("after", ClipAction.after, 0, _LONGEST_CLIP_SECONDS, "seconds"),
        item.flag("boxes", default=True),
    )


def _command(name: str, item: ConfigItem) -> CommandAction:
    words = item.texts("command", "a program and its arguments")
    if not words or not words[0].strip() or any("\0" in word for word in words):
        raise UsageError(
            f'{item.title}: "command" must be a list of a program and its arguments, such as '
            '["paplay", "bell.wav"]'
        )
    return CommandAction(name, words)


def _sound(name: str, item: ConfigItem) -> SoundAction:
    file = item.values.get("file", "")
    if not isinstance(file, str) or "\0" in file or file != file.strip():
        raise UsageError(f'{item.title}: "file" must be the path of a sound file')
    return SoundAction(name, file)


def _webhook(name: str, item: ConfigItem) -> WebhookAction:
    address = _address(item, ("http", "https"), "https://host/path")
    return WebhookAction(name, address, item.flag("picture", default=True))


def _mqtt(name: str, item: ConfigItem) -> MqttAction:
    address = _address(item, ("mqtt", "mqtts"), "mqtt://user:password@host:1883/topic")
    topic = urlsplit(address).path.strip("/")
    if any(letter in topic for letter in "#+"):
        raise UsageError(f'{item.title}: the topic in "address" must not contain # or +')
    return MqttAction(
        name,
        address,
        item.flag("picture", default=False),
        item.flag("home_assistant", default=False),
    )


def _address(item: ConfigItem, schemes: tuple[str, ...], example: str) -> str:
    """Return the address of an action. No message names it, because it may hold a password."""
    address = item.values.get("address")
    should = f'{item.title}: "address" must start with {" or ".join(f"{s}://" for s in schemes)}'
    if not isinstance(address, str) or not address.isprintable() or " " in address:
        raise UsageError(f"{should} and name a host, such as {example}")
    try:
        parts = urlsplit(address)
        is_right = parts.scheme.lower() in schemes and parts.hostname and parts.port != 0
        # A name server takes only such names.
        (parts.hostname or "").encode("idna")
    except ValueError:
        is_right = False
    if not is_right:
        raise UsageError(f"{should} and name a host, such as {example}")
    return address


_READERS: dict[str, tuple[tuple[str, ...], Callable[[str, ConfigItem], Action]]] = {
    "snapshot": (
        ("boxes",),
        lambda name, item: SnapshotAction(name, item.flag("boxes", default=True)),
    ),
    "clip": (("before", "after", "boxes"), _clip),
    "notification": ((), lambda name, _: NotificationAction(name)),
    "sound": (("file",), _sound),
    "command": (("command",), _command),
    "webhook": (("address", "picture"), _webhook),
    "mqtt": (("address", "picture", "home_assistant"), _mqtt),
}
