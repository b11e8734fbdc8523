"""Say in the language of the window how good a detector of a project is."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication

from ssd_live.project.judge import ADVISED_IMAGES
from ssd_live.project.versions import Version

# A smaller difference of the average precision says nothing.
_WORSE = 0.02


def verdict_of(version: Version) -> str:
    """Return what a person should know of a version, and do next; see `Judgement.facts`."""
    translate = QCoreApplication.translate
    new = _judged(version).get("new")
    if new is None:
        # There were no images for judging, or the version is of a program before this one.
        return _learned(version)
    if not new["objects"]:
        return translate("Verdict", "The images for judging show no object; label more images.")
    images = int(new["images"])
    text = translate(
        "Verdict",
        "Finds {found} of {objects} objects in %n image(s) that it has not learned.",
        None,
        images,
    )
    is_worse = any(its["ap50"] - new["ap50"] >= _WORSE for its in _judged(version).values())
    lines = [
        text.format(found=new["found"], objects=new["objects"]),
        translate("Verdict", "It is worse than the model in use before.") if is_worse else "",
        _false_alarms(new),
        _confused(new["confused"]),
        *(_before(its) for name, its in _judged(version).items() if name != "new"),
        _label_more(new["label_more"]),
    ]
    return "\n".join(line for line in lines if line)


def figures_of(version: Version) -> str:
    """Return the figures behind the verdict, for those who know them."""
    translate = QCoreApplication.translate
    parts = [_learned(version)]
    for name, facts in _judged(version).items():
        low, high = (round(100 * value) for value in facts["interval"])
        text = (
            translate("Verdict", "Average precision at an overlap of 0.5: {figure} of 100.")
            if name == "new"
            else translate("Verdict", "The model in use before: {figure} of 100.")
        )
        likely = translate("Verdict", "With other images, very likely {low} to {high}.")
        parts.append(text.format(figure=round(100 * facts["ap50"])))
        parts.append(likely.format(low=low, high=high))
    return " ".join(parts)


def _judged(version: Version) -> Mapping[str, Any]:
    judged = version.facts.get("judged") or {}
    return judged if "label_more" in judged.get("new", {}) else {}


def _learned(version: Version) -> str:
    translate, images = QCoreApplication.translate, int(version.facts.get("images", 0))
    return translate("Verdict", "Learned from %n image(s).", None, images)


def _false_alarms(facts: Mapping[str, Any]) -> str:
    translate = QCoreApplication.translate
    if not facts["wrong"]:
        return translate("Verdict", "Finds nothing that is not there.")
    count = int(facts["wrong"])
    return translate("Verdict", "%n false alarm(s).", None, count)


def _before(facts: Mapping[str, Any]) -> str:
    translate, wrong = QCoreApplication.translate, int(facts["wrong"])
    text = translate(
        "Verdict", "The model in use before: {found} found, %n false alarm(s).", None, wrong
    )
    return text.format(found=facts["found"])


def _confused(confused: Mapping[str, Any] | None) -> str:
    """Return which class is taken for another one, if that is the most frequent false alarm."""
    translate = QCoreApplication.translate
    if confused is None or confused["really"] is None:
        return ""
    called, really, times = confused["called"], confused["really"], confused["times"]
    if really == called:
        text = translate("Verdict", "Shows the same “{called}” twice %n time(s).", None, times)
    else:
        text = translate("Verdict", "Takes “{really}” for “{called}” %n time(s).", None, times)
    return text.format(called=called, really=really)


def _label_more(label_more: Mapping[str, Any] | None) -> str:
    translate = QCoreApplication.translate
    if label_more is None:
        return ""
    if "of" in label_more:
        text = translate("Verdict", "To get better, label about {count} more images with “{name}”.")
        return text.format(count=ADVISED_IMAGES, name=label_more["of"])
    if "without" in label_more:
        text = translate(
            "Verdict", "To get better, label about {count} more images without “{name}”."
        )
        return text.format(count=ADVISED_IMAGES, name=label_more["without"])
    text = translate("Verdict", "These are few: label about {count} more images to know better.")
    return text.format(count=ADVISED_IMAGES)
