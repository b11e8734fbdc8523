"""Make texts for users."""


def counted(number: int, what: str) -> str:
    """Return a number with what it counts, such as "1 file" or "2 files"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
