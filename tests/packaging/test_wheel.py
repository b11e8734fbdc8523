"""The wheel, installed as a user has it: on each Python at hand, with the newest and the lowest
versions of what it needs.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
OLDEST, NEWEST = (3, 11), (3, 14)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def interpreters() -> dict[str, str]:
    """Version -> program, of the Pythons that can be found: on the path, or managed by pyenv."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        version = f"3.{minor}"
        for program in candidates(version):
            if version not in found and runs(program):
                found[version] = program
    return dict(sorted(found.items()))


def candidates(version: str) -> Iterator[str]:
    if program := shutil.which(f"python{version}"):
        yield program
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False)
        folder = Path(root.stdout.strip()) / "versions"
        yield from (str(path) for path in sorted(folder.glob(f"{version}.*/bin/python")))


def runs(program: str) -> bool:
    return subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0


PYTHONS = interpreters()
# Old versions have no wheels for newer Pythons.
CASES = [(version, "newest") for version in PYTHONS if version != "3.11"] + [("3.11", "lowest")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    assert len(list(folder.glob("*.tar.gz"))) == 1
    (built,) = folder.glob("*.whl")
    return built


def lowest() -> list[str]:
    """Constraints that keep each dependency at the lowest minor version that is allowed."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = []
    for text in project["dependencies"]:
        match = re.match(r"([\w-]+)>=(\d+)(?:\.(\d+))?", text)
        assert match, text
        name, major, minor = match.groups()
        lines.append(f"{name}<{major}.{int(minor) + 1}" if minor else f"{name}<{int(major) + 1}")
    return sorted(set(lines))


@pytest.mark.parametrize(("version", "versions"), CASES, ids=lambda value: str(value))
def test_an_installed_wheel_annotates_a_clip(
    version: str, versions: str, wheel: Path, tmp_path: Path
) -> None:
    if version not in PYTHONS:
        pytest.skip(f"there is no Python {version} here")
    environment = tmp_path / "venv"
    make = [PYTHONS[version], "-m", "venv", "--without-pip", str(environment)]
    subprocess.run(make, check=True)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join(lowest()) if versions == "lowest" else "")
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    # The pip of the tests installs into the environment, which needs none of its own.
    pip = [sys.executable, "-m", "pip", "--python", str(environment), "--disable-pip-version-check"]
    install = ["install", "--quiet", "--no-compile", str(wheel), "-c", str(constraints)]
    subprocess.run([*pip, *install], check=True)
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    clip = CHECKOUT / "assets" / "media" / "bikes.mp4"
    words = ["process", str(clip), "-o", "out.mp4", "--max-frames", "5"]
    done = subprocess.run(
        [scripts / "ssd-live", *words, "--backend", "onnxruntime", "--precision", "fp32"],
        cwd=outside,
        env=variables | {"SSD_LIVE_ENGINES": str(tmp_path / "engines")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("FPS")
    assert (outside / "out.mp4").stat().st_size > 0


def test_the_wheel_holds_all_that_is_needed(wheel: Path) -> None:
    import zipfile

    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "ssd_live/py.typed",
        "ssd_live/backends/tensorrt/kernels/kernels.ptx",
        "ssd_live/assets/models/ssd300-mobilenetv2-oid.onnx",
        "ssd_live/assets/recipes/finetune-small.toml",
        "ssd_live/assets/translations/ssd_live_ko.ts",
    ):
        assert name in names
    assert not any(name.startswith(("tests/", "tools/")) for name in names)
    # The model files have the weights.
    assert not any("assets/weights" in name for name in names)


def test_the_frozen_app_has_the_assets_that_the_program_uses() -> None:
    spec = (CHECKOUT / "tools" / "package" / "ssd_live.spec").read_text(encoding="utf-8")
    used = {
        name
        for module in (CHECKOUT / "ssd_live").rglob("*.py")
        for name in re.findall(r'assets_folder\(\) / "(\w+)"', module.read_text(encoding="utf-8"))
    }
    assert {"models", "sounds"} < used
    # Training needs PyTorch, which the app leaves out.
    for name in used - {"batch_norm"}:
        assert f'"{name}"' in spec or f'"assets/{name}"' in spec
