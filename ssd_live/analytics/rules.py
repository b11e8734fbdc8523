"""Rules: what must happen at a zone to make an event, and when it counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any, Literal, cast, get_args

from ssd_live.analytics.action_plans import ActionPlan, actions_in
from ssd_live.analytics.config_item import named_item, quoted, read_config
from ssd_live.analytics.counting import CountRecord, ZoneCounter
from ssd_live.analytics.zones import Zone
from ssd_live.errors import UsageError

# inside: an object is in an area for some seconds. in, out: it crosses a line, or enters or leaves
# an area. count: so many objects are in an area at once, for some seconds.
RuleKind = Literal["inside", "in", "out", "count"]
# Why an event was not told: it was not the time of day or the day of the week, or too soon after
# the last one.
WhyNot = Literal["", "hours", "day", "pause"]

_KINDS: tuple[RuleKind, ...] = get_args(RuleKind)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_RULES, _LONGEST_SECONDS = 64, 86_400.0
VERSION = 1
_KEYS = {
    "name", "zone", "when", "classes", "seconds", "at_least", "from", "to", "days", "pause", "do",
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What must happen at the zone `zone`, and when it counts.

    Only objects of `classes` count; an empty tuple is all classes. `seconds` is how long they must
    be inside, and `at_least` how many for `count`. The event counts between the times of day
    `begin` and `end`, which may be on both sides of midnight, and on the `days` of the week, 0 for
    Monday; None and an empty tuple are always. After an event, the rule is silent for `pause`
    seconds. `do` are the names of the actions that an event starts.
    """

    name: str
    zone: str
    kind: RuleKind
    classes: tuple[str, ...] = ()
    seconds: float = 0.0
    at_least: int = 1
    begin: time | None = None
    end: time | None = None
    days: tuple[int, ...] = ()
    pause: float = 0.0
    do: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The rule as a sentence in English."""
        who = " or ".join(self.classes) or "object"
        article = "an" if who[0].lower() in "aeiou" else "a"
        over = f" for over {self.seconds:g} s" if self.seconds else ""
        what = {
            "inside": f"{article} {who} is in {self.zone}{over}",
            "in": f"{article} {who} goes in at {self.zone}",
            "out": f"{article} {who} goes out at {self.zone}",
            "count": f"{self.at_least} or more ({who}) are in {self.zone}{over}",
        }[self.kind]
        hours = "" if self.begin is None else f" between {self.begin:%H:%M} and {self.end:%H:%M}"
        days = f" on {', '.join(DAYS[day] for day in self.days)}" if self.days else ""
        pause = f", at most every {self.pause:g} s" if self.pause else ""
        return f"{what}{hours}{days}{pause}"

    def why_not_at(self, clock: float | None) -> WhyNot:
        """Return why nothing counts at a time of day, in seconds since 1970, or "" if it counts.

        None means that the time of day is not known; everything counts then.
        """
        if clock is None:
            return ""
        local = datetime.fromtimestamp(clock)
        if self.days and local.weekday() not in self.days:
            return "day"
        if self.begin is None or self.end is None:
            return ""
        now = local.time()
        if self.begin <= self.end:
            is_inside = self.begin <= now < self.end
        else:
            is_inside = now >= self.begin or now < self.end
        return "" if is_inside else "hours"


@dataclass(frozen=True)
class RuleBook:
    """The rules of a file, and the actions that they may start."""

    rules: tuple[Rule, ...] = ()
    plan: ActionPlan = field(default_factory=ActionPlan)


@dataclass(frozen=True)
class Event:
    """What a rule has noticed.

    `time` is in seconds of the source. `track_id` is the object, or 0 for `count`, and `number` how
    many objects there were. If `why_not` is not "", the event was suppressed.
    """

    rule: str
    zone: str
    time: float
    class_name: str
    track_id: int
    number: int
    why_not: WhyNot = ""


class RuleWatcher:
    """Watches the objects of one source, frame by frame, for what the `rules` name."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = list(rules)
        # When each rule made its last event.
        self._last: dict[str, float] = {}
        # The visits for which `inside` rules have made their event: rule, object, begin.
        self._told: dict[str, set[tuple[int, float]]] = {rule.name: set() for rule in self._rules}
        # Since when there have been enough objects, and whether that was told.
        self._enough: dict[str, tuple[float, bool]] = {}

    def update(
        self,
        time: float,
        counter: ZoneCounter,
        records: Sequence[CountRecord],
        clock: float | None = None,
    ) -> list[Event]:
        """Return the events of a frame at `time`, after `counter` has counted it.

        `records` are the counts of this frame. `clock` is its time of day in seconds since 1970, or
        None if that is not known. Suppressed events are among the result.
        """
        events = []
        for rule in self._rules:
            for event in self._noticed(rule, time, counter, records):
                why_not = rule.why_not_at(clock)
                since = time - self._last.get(rule.name, -1e9)
                if not why_not and 0 <= since < rule.pause:
                    why_not = "pause"
                if not why_not:
                    self._last[rule.name] = time
                events.append(replace(event, why_not=why_not))
        return events

    def _noticed(
        self, rule: Rule, time: float, counter: ZoneCounter, records: Sequence[CountRecord]
    ) -> list[Event]:
        """Return what the rule has noticed, whatever the hour."""
        if rule.kind in ("in", "out"):
            names = {"in", "entered"} if rule.kind == "in" else {"out", "left"}
            return [
                Event(rule.name, rule.zone, time, record.class_name, record.track_id, 1)
                for record in records
                if record.zone == rule.zone
                and (record.direction or record.kind) in names
                and (not rule.classes or record.class_name in rule.classes)
            ]
        inside = [
            its
            for its in counter.inside(rule.zone)
            if not rule.classes or its.class_name in rule.classes
        ]
        if rule.kind == "count":
            return self._enough_inside(rule, time, len(inside))
        told = self._told[rule.name]
        long = {
            (its.track_id, its.since): its for its in inside if time - its.since >= rule.seconds
        }
        new = [its for visit, its in long.items() if visit not in told]
        self._told[rule.name] = set(long)
        return [
            Event(rule.name, rule.zone, time, its.class_name, its.track_id, len(inside))
            for its in new
        ]

    def _enough_inside(self, rule: Rule, time: float, number: int) -> list[Event]:
        if number < rule.at_least:
            self._enough.pop(rule.name, None)
            return []
        since, is_told = self._enough.setdefault(rule.name, (time, False))
        if is_told or time - since < rule.seconds:
            return []
        self._enough[rule.name] = since, True
        return [Event(rule.name, rule.zone, time, ", ".join(rule.classes), 0, number)]


def read_rules(path: Path, zones: Sequence[Zone] | None, classes: Sequence[str] | None) -> RuleBook:
    """Read a rules file, and return its rules and actions.

    The file is a JSON object with "version": 1 and "rules", a list with an object for each rule;
    see docs/events.md. Raises `UsageError` if the file cannot be read, if a rule makes no sense, or
    if it names a zone that is not among `zones` or a class that is not among `classes`; None allows
    all of them.
    """
    data = read_config(path, "rules", "see docs/events.md")
    try:
        return rules_in(data, zones, classes)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def rules_in(data: object, zones: Sequence[Zone] | None, classes: Sequence[str] | None) -> RuleBook:
    """Return the rules and actions in the contents of a rules file; see `read_rules`."""
    if not isinstance(data, dict) or not isinstance(data.get("rules"), list):
        raise UsageError('a rules file is an object with a list "rules"; see docs/events.md')
    if data.get("version") != VERSION:
        raise UsageError(
            f'"version" is {quoted(data.get("version"))}, and this program reads {VERSION}; '
            "update the program or the file"
        )
    if len(data["rules"]) > MOST_RULES:
        raise UsageError(f"there are more than {MOST_RULES} rules; remove some")
    rules = tuple(_rule(each, number) for number, each in enumerate(data["rules"], 1))
    plan = actions_in(data)
    actions = [action.name for action in plan.actions]
    seen: set[str] = set()
    for rule in rules:
        title = f"rule {quoted(rule.name)}"
        if rule.name in seen:
            raise UsageError(f"two rules have the name {quoted(rule.name)}; rename one")
        seen.add(rule.name)
        if zones is not None:
            check_zone(rule, zones)
        for name in rule.classes:
            if classes is not None and name not in classes:
                raise UsageError(
                    f"{title}: the model has no class {quoted(name)}; it has {', '.join(classes)}"
                )
        for name in rule.do:
            if name not in actions:
                listed = ", ".join(actions) or "none"
                raise UsageError(f"{title}: there is no action {quoted(name)}; there are: {listed}")
    return RuleBook(rules, plan)


def check_zone(rule: Rule, zones: Sequence[Zone]) -> None:
    """Raise `UsageError` if the zone of a rule is not among `zones`, or does not fit the rule."""
    kinds = {zone.name: zone.kind for zone in zones}
    title = f"rule {quoted(rule.name)}"
    if kinds.get(rule.zone, "mask") == "mask":
        names = ", ".join(name for name, kind in kinds.items() if kind != "mask") or "none"
        raise UsageError(
            f"{title}: there is no line or area {quoted(rule.zone)}; there are: {names}"
        )
    if kinds[rule.zone] == "line" and rule.kind in ("inside", "count"):
        raise UsageError(f"{title}: {rule.zone} is a line; take in or out, or another zone")


def fitting(rules: Iterable[Rule], zones: Sequence[Zone]) -> tuple[Rule, ...]:
    """Return the rules whose zones are among `zones`, and of the right kind."""
    found = []
    for rule in rules:
        try:
            check_zone(rule, zones)
        except UsageError:
            continue
        found.append(rule)
    return tuple(found)


def _rule(each: object, number: int) -> Rule:
    name, item = named_item(each, "rule", number)
    item.check_keys(_KEYS)
    values, title = item.values, item.title
    zone, kind = values.get("zone"), values.get("when")
    if not isinstance(zone, str):
        raise UsageError(f'{title}: "zone" must be the name of a zone')
    if kind not in _KINDS:
        raise UsageError(f'{title}: "when" must be {", ".join(_KINDS)}')
    classes = item.texts("classes", "class names")
    seconds, pause = (
        item.number(key, 0, 0, _LONGEST_SECONDS, "seconds") for key in ("seconds", "pause")
    )
    at_least = values.get("at_least", 1)
    if isinstance(at_least, bool) or not isinstance(at_least, int) or not 1 <= at_least <= 10_000:
        raise UsageError(f'{title}: "at_least" must be a whole number from 1 on')
    begin, end = (_time_of_day(values, key, title) for key in ("from", "to"))
    if (begin is None) != (end is None):
        raise UsageError(f'{title}: give both "from" and "to", or neither')
    days = values.get("days", [])
    if not isinstance(days, list) or not all(day in DAYS for day in days):
        raise UsageError(f'{title}: "days" must be a list of {", ".join(DAYS)}')
    numbers = tuple(sorted(DAYS.index(day) for day in set(days)))
    return Rule(
        name, zone, cast(RuleKind, kind), classes, seconds, at_least, begin, end, numbers, pause,
        item.texts("do", "names of actions"),
    )  # fmt: skip


def _time_of_day(values: dict[str, Any], key: str, title: str) -> time | None:
    value = values.get(key)
    if value is None:
        return None
    try:
        return datetime.strptime(str(value), "%H:%M").time()
    except ValueError:
        raise UsageError(f'{title}: "{key}" must be a time of day like 18:00') from None
