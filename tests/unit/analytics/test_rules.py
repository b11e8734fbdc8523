"""Rules, their file, and the events that they make."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssd_live.analytics.counting import ZoneCounter
from ssd_live.analytics.rules import Event, Rule, RuleWatcher, read_rules, rules_in
from ssd_live.analytics.zones import Zone
from ssd_live.detections import Detections
from ssd_live.errors import UsageError

CLASSES = ("cat", "dog")
LINE = Zone("gate", "line", ((0.5, 0.9), (0.5, 0.1)))
YARD = Zone("yard", "area", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
MASK = Zone("tree", "mask", ((0.0, 0.0), (0.1, 0.0), (0.1, 0.1)))
ZONES = (LINE, YARD, MASK)
SIZE = (200, 100)


def _found(*places: tuple[int, float], class_id: int = 0) -> Detections:
    """Objects of 16 x 20 pixels: id, and x of the feet."""
    count = len(places)
    boxes = [[x - 8, 40, x + 8, 60] for _, x in places]
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.full(count, 0.9, np.float32),
        np.full(count, class_id, np.int32),
        CLASSES,
        np.array([track_id for track_id, _ in places], np.int64),
        np.full(count, True),
    )


def _events(
    rule: Rule,
    frames: list[tuple[float, Detections]],
    clock: float | None = None,
) -> list[tuple[float, int, str]]:
    """The time, the object and the reason not to tell it of each event."""
    counter, watcher = ZoneCounter(ZONES, SIZE), RuleWatcher([rule])
    events: list[Event] = []
    for at, found in frames:
        records = counter.update(at, found)
        events += watcher.update(at, counter, records, None if clock is None else clock + at)
    return [(event.time, event.track_id, event.why_not) for event in events]


def _stay(x: float, seconds: float, track_id: int = 1) -> list[tuple[float, Detections]]:
    return [(n / 10, _found((track_id, x))) for n in range(round(10 * seconds) + 1)]


def test_who_stays_makes_one_event_for_each_visit() -> None:
    rule = Rule("r", "yard", "inside", seconds=3)
    frames = _stay(150, 5)
    frames += [(6 + n / 10, _found((1, 50))) for n in range(5)]
    frames += [(7 + n / 10, _found((1, 150))) for n in range(50)]
    events = _events(rule, frames)
    assert [track_id for _, track_id, _ in events] == [1, 1]
    assert events[0][0] == pytest.approx(3.0)
    # Between 6.4 s and 7 s it came in.
    assert 9.4 <= events[1][0] <= 10.1


def test_who_leaves_before_makes_none() -> None:
    assert _events(Rule("r", "yard", "inside", seconds=3), _stay(150, 2.9)) == []


def test_crossings_make_events_by_direction() -> None:
    frames = [(n / 10, _found((1, x))) for n, x in enumerate((80, 90, 110, 120, 110, 90, 80))]
    assert [e[1] for e in _events(Rule("r", "gate", "in"), frames)] == [1]
    assert [e[1] for e in _events(Rule("r", "gate", "out"), frames)] == [1]
    assert [e[1] for e in _events(Rule("r", "yard", "in"), frames)] == [1]
    assert _events(Rule("r", "gate", "in", classes=("dog",)), frames) == []


def test_a_crowd_makes_one_event_until_it_is_gone() -> None:
    rule = Rule("r", "yard", "count", at_least=2, seconds=1)
    crowd = _found((1, 130), (2, 160))
    frames = [(n / 10, crowd) for n in range(30)]
    frames += [(3 + n / 10, _found((1, 130), (2, 50))) for n in range(10)]
    frames += [(4 + n / 10, crowd) for n in range(20)]
    events = _events(rule, frames)
    assert [at for at, _, _ in events] == pytest.approx([1.0, 5.0])


def test_who_is_lost_is_no_part_of_a_crowd() -> None:
    rule = Rule("r", "yard", "count", at_least=2, seconds=2)
    frames = [(0.0, _found((1, 130), (2, 160)))]
    frames += [(n / 10, _found((1, 130))) for n in range(1, 40)]
    assert _events(rule, frames) == []


def test_a_rule_is_silent_for_its_pause_and_says_so() -> None:
    rule = Rule("r", "gate", "in", pause=1.0)
    frames = [(n / 10, _found((1, 80 if n % 2 else 120))) for n in range(24)]
    told = [at for at, _, why_not in _events(rule, frames) if not why_not]
    not_told = [why_not for _, _, why_not in _events(rule, frames) if why_not]
    assert told == pytest.approx([0.2, 1.2, 2.2])
    assert set(not_told) == {"pause"}


@pytest.mark.parametrize(
    ("begin", "end", "hour", "why_not"),
    [
        ("18:00", "07:00", 17, "hours"),
        ("18:00", "07:00", 18, ""),
        ("18:00", "07:00", 3, ""),
        ("18:00", "07:00", 7, "hours"),
        ("08:00", "16:00", 12, ""),
        ("08:00", "16:00", 16, "hours"),
    ],
)
def test_hours_may_be_on_both_sides_of_midnight(
    begin: str, end: str, hour: int, why_not: str
) -> None:
    hours = [datetime.strptime(text, "%H:%M").time() for text in (begin, end)]
    rule = Rule("r", "gate", "in", begin=hours[0], end=hours[1])
    assert rule.why_not_at(datetime(2026, 11, 30, hour).timestamp()) == why_not
    assert rule.why_not_at(None) == ""


def test_days() -> None:
    rule = Rule("r", "gate", "in", days=(0, 4))
    # The 30th of November 2026 is a Monday.
    reasons = [rule.why_not_at(datetime(2026, 11, 30 - n, 12).timestamp()) for n in range(4)]
    assert reasons == ["", "day", "day", ""]
    frames = [(0.0, _found((1, 80))), (0.1, _found((1, 120)))]
    sunday = datetime(2026, 11, 29, 12).timestamp()
    assert [why for *_, why in _events(rule, frames, sunday)] == ["day"]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            {"when": "inside", "classes": ["cat"], "seconds": 3, "from": "18:00", "to": "07:00"},
            "a cat is in yard for over 3 s between 18:00 and 07:00",
        ),
        (
            {"when": "in", "zone": "gate", "pause": 60},
            "an object goes in at gate, at most every 60 s",
        ),
        (
            {"when": "count", "at_least": 3, "classes": ["cat", "dog"], "days": ["sun", "mon"]},
            "3 or more (cat or dog) are in yard on mon, sun",
        ),
    ],
)
def test_a_rule_is_a_sentence(rule: dict[str, Any], sentence: str) -> None:
    (read,) = rules_in(_data(**rule), ZONES, CLASSES).rules
    assert read.sentence == sentence


def _data(**changes: Any) -> dict[str, Any]:
    rule = {"name": "R", "zone": "yard", "when": "inside"}
    return {"version": 1, "rules": [{**rule, **changes}]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], 'an object with a list "rules"'),
        ({"version": 2, "rules": []}, '"version" is 2'),
        ({"version": 1, "rules": [1]}, "rule 1 is not an object"),
        ({"version": 1, "rules": [_data()["rules"][0]] * 2}, "two rules have the name 'R'"),
        ({"version": 1, "rules": [{"name": str(n)} for n in range(65)]}, "more than 64 rules"),
        (_data(name=""), "a name has 1 to 80 characters"),
        (_data(zone="door"), "there is no line or area 'door'; there are: gate, yard"),
        (_data(zone="tree"), "there is no line or area 'tree'"),
        (_data(zone=None), '"zone" must be the name of a zone'),
        (_data(zone="gate"), "gate is a line; take in or out"),
        (_data(when="often"), '"when" must be inside, in, out, count'),
        (_data(classes=["bird"]), "the model has no class 'bird'"),
        (_data(classes="cat"), '"classes" must be a list'),
        (_data(seconds=-1), '"seconds" must be from 0 to 86400 seconds'),
        (_data(seconds="3"), '"seconds" must be a number of seconds'),
        (_data(pause=True), '"pause" must be a number of seconds'),
        (_data(at_least=0), '"at_least" must be a whole number'),
        (_data(**{"from": "18:00"}), 'give both "from" and "to"'),
        (_data(**{"from": "25:00", "to": "7:00"}), '"from" must be a time of day like 18:00'),
        (_data(days=["monday"]), '"days" must be a list of mon'),
        (_data(colour="red"), "has no property 'colour'"),
    ],
)
def test_what_makes_no_sense_gets_one_clear_line(data: object, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        rules_in(data, ZONES, CLASSES)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    with pytest.raises(UsageError, match=r"rules\.json: cannot be read"):
        read_rules(path, ZONES, CLASSES)
    path.write_text("{")
    with pytest.raises(UsageError, match=r"rules\.json: is not JSON"):
        read_rules(path, ZONES, CLASSES)
    path.write_bytes(b" " * 2_000_000)
    with pytest.raises(UsageError, match="too large"):
        read_rules(path, ZONES, CLASSES)
    path.write_text(json.dumps(_data()))
    assert [rule.name for rule in read_rules(path, ZONES, CLASSES).rules] == ["R"]


def test_rules_name_the_actions_that_they_start() -> None:
    actions = [{"name": "photo", "kind": "snapshot"}, {"name": "film", "kind": "clip"}]
    book = rules_in({**_data(do=["film", "photo"]), "actions": actions}, ZONES, CLASSES)
    assert book.rules[0].do == ("film", "photo")
    assert [action.name for action in book.plan.actions] == ["photo", "film"]
    with pytest.raises(UsageError, match="there is no action 'film'; there are: photo"):
        rules_in({**_data(do=["film"]), "actions": actions[:1]}, ZONES, CLASSES)
    with pytest.raises(UsageError, match="there is no action 'film'; there are: none"):
        rules_in(_data(do=["film"]), ZONES, CLASSES)
    with pytest.raises(UsageError, match='"do" must be a list of names of actions'):
        rules_in(_data(do="film"), ZONES, CLASSES)


def test_long_names_and_broken_letters_get_one_short_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text('{"version": 1, "rules": [{"name": "\\ud800"}]}')
    with pytest.raises(UsageError, match="has texts that are not Unicode; correct them"):
        read_rules(path, ZONES, CLASSES)
    for wrong in ({"x" * 5000: 1}, {"zone": "y" * 5000}, {"do": ["z" * 5000]}):
        with pytest.raises(UsageError) as error:
            rules_in(_data(**wrong), ZONES, CLASSES)
        assert len(str(error.value)) < 300
