"""Say in the language of the window what a rule waits for."""

from PySide6.QtCore import QCoreApplication, QLocale

from ssd_live.analytics.rules import Rule


def rule_sentence(rule: Rule) -> str:
    """Return a line about a rule, such as "Person inside Yard for over 3 s · 18:00 – 07:00"."""
    translate = QCoreApplication.translate
    who = " / ".join(rule.classes) or translate("Rules", "an object")
    what = {
        "inside": translate("Rules", "{who} inside {zone}"),
        "in": translate("Rules", "{who} goes in at {zone}"),
        "out": translate("Rules", "{who} goes out at {zone}"),
        "count": translate("Rules", "{number} or more inside {zone} ({who})"),
    }[rule.kind].format(who=who, zone=rule.zone, number=rule.at_least)
    if rule.seconds:
        over = translate("Rules", "for over {seconds} s").format(seconds=f"{rule.seconds:g}")
        what = f"{what} {over}"
    parts = [what]
    if rule.begin is not None and rule.end is not None:
        parts.append(f"{rule.begin:%H:%M} – {rule.end:%H:%M}")
    if rule.days:
        short = QLocale.FormatType.ShortFormat
        parts.append(", ".join(QLocale().dayName(day + 1, short) for day in rule.days))
    if rule.pause:
        every = translate("Rules", "at most every {seconds} s")
        parts.append(every.format(seconds=f"{rule.pause:g}"))
    if rule.do:
        parts.append(", ".join(rule.do))
    return " · ".join(parts)
