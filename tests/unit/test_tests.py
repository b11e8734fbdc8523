"""What the tests may not do: touch what is private, of the program or of each other.

A name that begins with an underscore may change at any time; a test of it would stand in the way.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
# Public all the same: the standard library names them so.
EXEMPT = ("os._exit", "_replace")
# What takes names as text: `getattr(x, "_y")`, `monkeypatch.setattr("ssd_live.x._y", z)`.
BY_NAME = ("getattr", "hasattr", "setattr", "delattr", "patch")


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def is_own(node: ast.Attribute) -> bool:
    """Whether an object or a class reaches for something of itself."""
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def is_of_ours(module: str) -> bool:
    return module.partition(".")[0] in ("ssd_live", "tests")


def named(call: ast.Call) -> Iterator[str]:
    """The names that a call is given as text: parts of a path in the first place, one in the
    second.
    """
    function = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if isinstance(call.func, ast.Name):
        function = call.func.id
    if function in BY_NAME:
        for place in call.args[:2]:
            if isinstance(place, ast.Constant) and isinstance(place.value, str):
                yield from place.value.split(".")


def private_names(node: ast.AST) -> Iterator[str]:
    """What is private of what one node of a syntax tree touches."""
    match node:
        case ast.Attribute() if is_private(node.attr) and not is_own(node):
            if ast.unparse(node) not in EXEMPT and node.attr not in EXEMPT:
                yield ast.unparse(node)
        case ast.ImportFrom(module=str(module)) if is_of_ours(module):
            names = [*module.split("."), *(alias.name for alias in node.names)]
            yield from filter(is_private, names)
        case ast.Import():
            names = [alias.name for alias in node.names if is_of_ours(alias.name)]
            yield from (name for name in names if any(map(is_private, name.split("."))))
        case ast.Call():
            yield from filter(is_private, named(node))


def touched(source: str) -> list[tuple[int, str]]:
    """The lines of a source that touch something private, with what."""
    return [
        (node.lineno, name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt | ast.expr)
        for name in private_names(node)
    ]


def test_no_test_touches_what_is_private() -> None:
    found = [
        f"{path.relative_to(TESTS.parent)}:{line}: {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for line, name in sorted(touched(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(["private names are touched:", *found])


@pytest.mark.parametrize(
    "source",
    [
        "reader._open()",
        "self.recorder._frames",
        "super()._load()",
        "from ssd_live.video.reader import _open",
        "from ssd_live.video._reader import open",
        "from tests.waiting import _words",
        "import ssd_live._video",
        "getattr(reader, '_open')",
        "monkeypatch.setattr(reader, '_open', None)",
        "monkeypatch.setattr('ssd_live.video.reader._open', None)",
        "mock.patch('ssd_live.video.reader.Reader._open')",
    ],
)
def test_what_touches_something_private_is_found(source: str) -> None:
    assert [line for line, _ in touched(f"\n{source}")] == [2]


@pytest.mark.parametrize(
    "source",
    [
        "self._seen = cls._all",
        "_helper()",
        "os._exit(1)",
        "point._replace(x=1)",
        "reader.__class__.__name__",
        "import _thread",
        "from _thread import interrupt_main",
        "monkeypatch.setattr(reader, 'open', None)",
        "monkeypatch.setenv('_OPEN', '1')",
    ],
)
def test_what_touches_nothing_private_passes(source: str) -> None:
    assert touched(source) == []
