"""Say in the language of the window how good a detector of a project is."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication

from ssd_live.project.judge import ADVISED_IMAGES
from ssd_live.project.versions import Version


def verdict_of(version: Version) -> str:
    """Return what a person should know of a version, and do next; see `Judgement.facts`."""
    translate = QCoreApplication.translate
    judged = version.facts.get("judged") or {}
    new = judged.get("new")
    if not isinstance(new, Mapping) or "label_more" not in new:
        # Versions that were judged before these facts were kept have the sentence only.
        return version.sentence
    if not new["objects"]:
        text = translate("Verdict", "The {images} images for judging show no object; label more")
        return text.format(images=new["images"])
    lines = [
        translate("Verdict", "Finds {found} of {objects} objects in {images} images.").format(
            found=new["found"], objects=new["objects"], images=new["images"]
        )
    ]
    lines += [_confused(new["confused"]), _label_more(new["label_more"])]
    low, high = (round(100 * value) for value in new["interval"])
    lines.append(
        translate(
            "Verdict", "Precision (AP50): {figure}, very likely between {low} and {high}."
        ).format(figure=round(100 * new["ap50"]), low=low, high=high)
    )
    for name, facts in judged.items():
        if name != "new":
            text = translate("Verdict", "The one before: {figure}.")
            lines.append(text.format(figure=round(100 * facts["ap50"])))
    return " ".join(line for line in lines if line)


def _confused(confused: Mapping[str, Any] | None) -> str:
    translate = QCoreApplication.translate
    if confused is None:
        return translate("Verdict", "Finds nothing that is not there.")
    called, really, times = confused["called"], confused["really"], confused["times"]
    if really is None:
        text = translate("Verdict", "Takes something else for “{called}”: {times} times.")
    elif really == called:
        text = translate("Verdict", "Shows the same “{called}” twice: {times} times.")
    else:
        text = translate("Verdict", "Takes “{really}” for “{called}”: {times} times.")
    return text.format(called=called, really=really, times=times)


def _label_more(label_more: Mapping[str, Any] | None) -> str:
    translate = QCoreApplication.translate
    if label_more is None:
        return ""
    if "of" in label_more:
        text = translate("Verdict", "Label {count} more images with “{name}”.")
        return text.format(count=ADVISED_IMAGES, name=label_more["of"])
    if "without" in label_more:
        text = translate("Verdict", "Label {count} more images without “{name}”.")
        return text.format(count=ADVISED_IMAGES, name=label_more["without"])
    text = translate("Verdict", "Label {count} more images, because these are few.")
    return text.format(count=ADVISED_IMAGES)
