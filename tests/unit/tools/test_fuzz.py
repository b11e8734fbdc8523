"""The fuzzing kit: its seeds are sound, its changes change, and it sees what goes wrong."""

import os
import random
import time
from pathlib import Path

import pytest

from ssd_live.errors import UsageError
from tools.fuzz import __main__ as driver
from tools.fuzz.__main__ import Worker, changed, is_finding, main, minimised
from tools.fuzz.mutate import BYTES, GRAPH, TEXT, Mutator
from tools.fuzz.seeds import KINDS
from tools.fuzz.worker import TARGETS, outcome


@pytest.mark.parametrize("kind", ["models", "texts", "checkpoints", "media"])
def test_every_seed_is_accepted(kind: str, tmp_path: Path) -> None:
    make, _ = KINDS[kind]
    seeds = make(tmp_path)
    assert len(seeds) >= 4
    refused = [seed.name for seed in seeds if outcome(TARGETS[kind], seed)["result"] != "ok"]
    # A graph without a description.
    assert set(refused) <= {"plain.onnx"}


@pytest.mark.parametrize("mutators", [BYTES, TEXT, GRAPH])
def test_changes_change_and_can_be_repeated(mutators: tuple[Mutator, ...], tmp_path: Path) -> None:
    make, _ = KINDS["models"]
    data = make(tmp_path)[1].read_bytes()
    first, again = (
        [changed(data, mutators, random.Random(seed)) for seed in range(30)] for _ in range(2)
    )
    assert first == again
    assert len(set(first)) > 20


def breaks(path: Path) -> None:
    if b"bad" in path.read_bytes():
        raise ValueError("nobody expects this")


def tells_a_story(path: Path) -> None:
    raise UsageError("first line\nsecond line")


def refuses(path: Path) -> None:
    raise UsageError("is wrong; correct it")


def test_an_error_of_another_class_or_a_long_message_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"bad")
    said = outcome(breaks, path)
    assert said["result"] == "unexpected"
    assert said["where"].startswith("ValueError in test_fuzz.py:")
    assert outcome(tells_a_story, path)["result"] == "unexpected"
    assert outcome(refuses, path) == {"result": "refused"}
    assert [is_finding(name) for name in ("crash", "hang", "memory", "unexpected")] == [True] * 4
    assert not any(is_finding(name) for name in ("ok", "refused", "guarded crash"))


class InThisProcess(Worker):
    """A worker without a process."""

    def answer(self, path: Path) -> dict[str, str]:
        return outcome(breaks, path)


def test_a_finding_is_made_small(tmp_path: Path) -> None:
    data = bytes(range(65, 91)) * 20 + b"bad" + bytes(500)
    path = tmp_path / "a"
    path.write_bytes(data)
    said = outcome(breaks, path)
    assert minimised(data, said, InThisProcess("texts"), path) == b"bad"


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash"),
        ("import time; time.sleep(60)", "hang"),
        ("held = bytearray(2_000_000_000); import time; time.sleep(60)", "memory"),
    ],
)
def test_a_worker_that_dies_hangs_or_grows_is_seen_and_started_again(
    code: str, result: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif 'tools.fuzz.worker' in ' '.join(sys.orig_argv):\n"
        "    import threading, builtins\n"
        f"    threading.Timer(0.5, lambda: exec({code!r}, {{}})).start()\n"
    )
    monkeypatch.setattr(driver, "LIMIT_SECONDS", 8.0 if result != "hang" else 3.0)
    worker = Worker("texts")
    seed = tmp_path / "recipe.toml"
    seed.write_text("x = 1")
    assert worker.answer(seed) == {"result": "refused"}
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker.close()
    pipe = tmp_path / "recipe.pipe"
    # Nobody writes into it, so that reading it never ends.
    os.mkfifo(pipe)
    began = time.monotonic()
    said = worker.answer(pipe)
    assert said["result"] == result, said
    assert time.monotonic() - began < 30
    monkeypatch.delenv("PYTHONPATH")
    assert worker.answer(seed) == {"result": "refused"}
    worker.close()


def test_a_short_run_ends_without_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--kind", "texts", "--count", "25", "--keep", str(tmp_path / "kept")]
    monkeypatch.setattr("sys.argv", ["fuzz", *words])
    assert main() == 0
    out = capsys.readouterr().out
    assert out.startswith("texts: 25 files in ")
    assert out.endswith("0 findings\n")
    assert not (tmp_path / "kept").exists()
