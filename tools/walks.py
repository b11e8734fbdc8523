"""Print the three walks of docs/architecture.md, and hold them against the imports.

    python tools/walks.py

The modules of a walk must be connected by imports, directly or by a contract that both import.
"""

import ast
import re
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE = CHECKOUT / "docs" / "architecture.md"
PACKAGE = "ssd_live"
# Modules that only say what two sides agree on. Data do not pass them.
CONTRACTS = {"backends.base", "remote.network"}


def main() -> int:
    """Print the walks; return 1 if a module is missing or stands apart from its walk."""
    failed = False
    for title, modules in walks().items():
        print(f"{title}: {len(modules)} modules")
        for module in modules:
            note = "" if module not in apart(modules) else "  NOT CONNECTED WITH THE OTHERS"
            failed = failed or bool(note)
            print(f"  {module}{note}")
    return int(failed)


def walks() -> dict[str, list[str]]:
    """Return the modules of each walk, by its title."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("### "):
            title = line.removeprefix("### ")
            found[title] = []
        elif title and (match := re.match(r"- `([\w.]+)` ", line)):
            found[title].append(match[1])
    return found


def apart(modules: list[str]) -> list[str]:
    """Return the modules that imports do not connect with the first module of the walk."""
    nodes = {*modules, *CONTRACTS}
    imports = {node: imported_by(node) & nodes for node in nodes}
    connected, pending = set(), [modules[0]]
    while pending:
        node = pending.pop()
        if node in connected:
            continue
        connected.add(node)
        pending += imports[node] | {other for other in nodes if node in imports[other]}
    return [module for module in modules if module not in connected]


def imported_by(module: str) -> set[str]:
    """Return the modules of the package that a module imports, without the package's name.

    Raises `FileNotFoundError` for a module that does not exist.
    """
    path = CHECKOUT / PACKAGE / f"{module.replace('.', '/')}.py"
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(PACKAGE)}


if __name__ == "__main__":
    sys.exit(main())
