"""Draw docstrings and messages at random, for somebody who has not seen the code to explain.

    python tools/sample_texts.py [SEED] [DOCSTRINGS] [MESSAGES]

A text is plain if a reader can say what the thing does, or what went wrong and what to do.
"""

import ast
import random
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "ssd_live"
# Words that a message holds before anything is filled in.
_FEWEST_WORDS = 5
_CALLS = ("notify", "warning", "UsageError")


def main() -> None:
    """Print the texts, numbered."""
    seed, docstrings, messages = (
        int(value) for value in (*sys.argv[1:], *("20261127", "50", "30")[len(sys.argv) - 1 :])
    )
    dice = random.Random(seed)
    found_docstrings: list[str] = []
    found_messages: list[str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        place = path.relative_to(PACKAGE.parent).as_posix()
        found_docstrings += docstrings_of(tree, place)
        found_messages += messages_of(tree)
    for number, text in enumerate(dice.sample(found_docstrings, docstrings), 1):
        print(f"D{number}. {text}\n")
    for number, text in enumerate(dice.sample(found_messages, messages), 1):
        print(f"M{number}. {text}\n")


def docstrings_of(tree: ast.Module, place: str) -> Iterator[str]:
    """Give the signature and docstring of each documented class, function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                head = f"class {node.name}"
                if not isinstance(node, ast.ClassDef):
                    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
                    head = f"def {node.name}({ast.unparse(node.args)}){returned}"
                yield f"{place}: {head}\n{text}"


def messages_of(tree: ast.Module) -> Iterator[str]:
    """Give the text of each error and each line that is shown; {...} stands for a value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in _CALLS or name.endswith("Error"):
                text = text_of(node.args[0])
                if len(text.split()) >= _FEWEST_WORDS:
                    yield text


def text_of(node: ast.expr) -> str:
    """Return the text of a string or f-string, else an empty one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{...}" for part in node.values
        )
    return ""


if __name__ == "__main__":
    main()
