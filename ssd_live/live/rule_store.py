"""Keep the rules of each source in the user's configuration folder."""

from pathlib import Path

from ssd_live.analytics.rule_text import rules_text
from ssd_live.analytics.rules import RuleBook, read_rules
from ssd_live.errors import UsageError
from ssd_live.live.zone_store import source_key
from ssd_live.settings import settings_path
from ssd_live.system.atomic_files import atomic_write, set_aside
from ssd_live.video.sources import SourceSpec


def rules_path(spec: SourceSpec) -> Path:
    """Return the path of the rules file of a source, which is known as for its zones.

    The file may not exist.
    """
    return settings_path().parent / "rules" / f"{source_key(spec)}.json"


def load_rules(spec: SourceSpec) -> tuple[RuleBook, str]:
    """Return (rules, message) of a source; the message is empty on success.

    The zones that the rules name may not exist. Without a file, there are no rules. If the file is
    not valid, it is renamed, and the message says so. This function raises no error.
    """
    path = rules_path(spec)
    if not path.exists():
        return RuleBook(), ""
    try:
        return read_rules(path, None, None), ""
    except UsageError as error:
        aside = set_aside(path)
        kept = f"; they are kept in {aside.name}" if aside else ""
        return RuleBook(), f"the rules of this source are not used: {error}{kept}"


def save_rules(book: RuleBook, path: Path, *, is_own: bool = True) -> None:
    """Write a rules file, completely or not at all.

    Only the user may read it, because addresses may hold passwords. Without rules, a file is
    removed if it is the program's own one. Raises `OutputError` if the file cannot be written.
    """
    if not book.rules and is_own:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path, mode=0o600) as file:
        file.write(rules_text(book).encode(errors="replace"))
