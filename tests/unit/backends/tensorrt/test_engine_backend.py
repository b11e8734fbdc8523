"""The backend that runs engines, on a device and a library that only note what is done; and which
engine it takes. No GPU takes part.
"""

import _thread
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ssd_live.backends.base import LoadOptions
from ssd_live.backends.tensorrt import backend as backend_module
from ssd_live.backends.tensorrt import device as device_module
from ssd_live.backends.tensorrt import device_thread as owner
from ssd_live.backends.tensorrt import engines
from ssd_live.backends.tensorrt.backend import TENSORRT, EngineBackend, EngineModule
from ssd_live.backends.tensorrt.builder import BuildOptions
from ssd_live.backends.tensorrt.device import Gpu
from ssd_live.backends.tensorrt.device_thread import DeviceThread
from ssd_live.backends.tensorrt.engines import build_here, engine_for
from ssd_live.backends.tensorrt.store import EngineKey, EngineStore, Manifest, Parity, key_for
from ssd_live.errors import (
    BackendError,
    CancelledError,
    MissingPackageError,
    OutputError,
    UsageError,
)
from ssd_live.modelfile.file import ModelFile
from tests.fake_engine import (
    ENGINE,
    GPU,
    LOST,
    FakeVariant,
    Library,
    Log,
    RecordingDevice,
    check_found,
    one_line,
    picture,
    tensors_of,
    variant_of,
)
from tests.tiny_model import MAX_DETECTIONS, tiny_model
from tests.waiting import LIMIT_SECONDS, threads_named, wait_until

FREED = ["free context", "free context", "free engine", "free runtime", "close device"]
FP32 = LoadOptions("GPU", "fp32")


class Machine:
    """One with a GPU and a library that only note what is done; it counts what is built."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.model = tiny_model()
        self.opened: list[int] = []
        self.built: list[BuildOptions] = []
        self.lines: list[str] = []
        self.use()
        monkeypatch.setattr(backend_module, "open_device", self._open)
        monkeypatch.setattr(backend_module, "gpus", lambda: [GPU])
        monkeypatch.setattr(engines, "build", self._build)

    def use(self, **device: Any) -> None:
        self.log = Log()
        self.device = RecordingDevice(self.log, **device)
        self.library = Library(self.device, tensors_of(MAX_DETECTIONS))

    @property
    def variant(self) -> FakeVariant:
        return variant_of(self.library)

    def backend(
        self, options: LoadOptions = FP32, chosen: tuple[EngineStore, Manifest] | None = None
    ) -> EngineBackend:
        return EngineBackend(
            self.model, self.variant, replace(options, notify=self.lines.append), chosen
        )

    def engine(self, gpu: Gpu = GPU, batch: int = 1) -> tuple[Manifest, bytes]:
        return engine_for(self.model, self.variant, gpu, "fp32", batch, self.lines.append)

    def keep(
        self, engine: bytes = ENGINE, parity: Parity | None = None, **changes: Any
    ) -> EngineKey:
        """An engine like the one that would be built here for one picture, but for `changes`."""
        here = key_for(
            self.model, "tensorrt", self.library.__version__, BuildOptions("fp32", (1, 1, 1)), GPU
        )
        key = EngineKey.model_validate(here.model_dump() | changes)
        EngineStore().save(key, engine, 1.0, parity=parity)
        return key

    def _open(self, number: int) -> RecordingDevice:
        self.log.note("open device")
        self.opened.append(number)
        return self.device

    def _build(
        self,
        model: ModelFile,
        variant: FakeVariant,
        options: BuildOptions,
        told: Callable[[float, str], None],
        *_: object,
    ) -> bytes:
        self.built.append(options)
        told(0.37, "measuring")
        return ENGINE


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield Machine(monkeypatch)
    wait_until(lambda: not threads_named("tensorrt"), what="the owner thread to end")


# The thread that owns the GPU.


def test_everything_that_touches_the_gpu_happens_in_one_thread(machine: Machine) -> None:
    with machine.backend() as backend:
        backend.submit(picture(0)).result()
    assert machine.log.threads == {"tensorrt"}
    assert machine.log.about("open", "free", "close") == ["open device", *FREED]


def test_answers_are_those_of_the_pictures_in_whatever_order_they_are_asked_for(
    machine: Machine,
) -> None:
    with machine.backend() as backend:
        for seed in range(0, 6, 2):
            first, second = backend.submit(picture(seed)), backend.submit(picture(seed + 1))
            check_found(second.result(), picture(seed + 1))
            check_found(first.result(), picture(seed))


def test_an_answer_stays_until_its_slot_is_used_again(machine: Machine) -> None:
    with machine.backend() as backend:
        answer = backend.submit(picture(0)).result()
        backend.submit(picture(1)).result()
        check_found(answer, picture(0))
        backend.submit(picture(2)).result()
        check_found(answer, picture(2))


def test_the_next_picture_starts_while_one_computes(machine: Machine) -> None:
    with machine.backend() as backend:
        before = len(machine.log.lines)
        first, second = backend.submit(picture(0)), backend.submit(picture(1))
        first.result()
        second.result()
        assert machine.log.lines[before:] == [
            "launch s1",
            "record s1",
            "launch s2",
            "record s2",
            "wait s1",
            "wait s2",
        ]


def test_a_picture_that_cannot_start_fails_when_its_answer_is_asked_for(machine: Machine) -> None:
    machine.use(captures=False)
    with machine.backend() as backend:
        machine.library.refuses["execute"] = ["no"]
        broken = backend.submit(picture(0))
        with pytest.raises(BackendError, match="the GPU refused to compute: no"):
            broken.result()
        del machine.library.refuses["execute"]
        check_found(backend.submit(picture(1)).result(), picture(1))


def test_a_gpu_that_is_lost_says_so_and_lets_everything_go(machine: Machine) -> None:
    machine.use(fail=("wait", 1, LOST))
    with pytest.raises(BackendError) as caught, machine.backend() as backend:
        backend.submit(picture(0)).result()
    assert one_line(caught.value).startswith(
        "the GPU failed or was lost while wait (CUDA_ERROR_LAUNCH_FAILED)"
    )
    assert machine.log.about("free", "close") == FREED
    assert machine.log.threads == {"tensorrt"}


def test_a_failure_that_somebody_still_holds_holds_nothing_of_the_gpu(machine: Machine) -> None:
    """Its frames would: the thread that catches it would free them, once the device is closed."""
    machine.use(captures=False)
    backend = machine.backend()
    machine.library.refuses["execute"] = ["no"]
    with pytest.raises(BackendError) as caught:
        backend.submit(picture(0)).result()
    backend.close()
    assert machine.log.about("free", "close") == FREED
    assert machine.log.threads == {"tensorrt"}
    del caught


def test_an_engine_that_cannot_be_opened_leaves_nothing_behind(machine: Machine) -> None:
    machine.library.refuses["context 2"] = ["no room"]
    with pytest.raises(BackendError, match="TensorRT cannot prepare the engine: no room") as caught:
        machine.backend()
    assert machine.log.about("free", "close") == FREED[1:]
    assert machine.log.threads == {"tensorrt"}
    del caught


def test_an_interrupt_while_it_is_opened_leaves_nothing_behind(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(DeviceThread):
        def call(self, work: Callable[[], Any]) -> "Future[Any]":
            super().call(work).result(LIMIT_SECONDS)
            future: Future[Any] = Future()
            future.set_exception(KeyboardInterrupt())
            return future

    monkeypatch.setattr(backend_module, "DeviceThread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.backend()
    assert machine.log.about("free", "close") == FREED


def test_time_that_is_up_is_told_and_the_answer_can_still_come(machine: Machine) -> None:
    with machine.backend() as backend:
        machine.device.stuck.clear()
        pending = backend.submit(picture(0))
        with pytest.raises(TimeoutError, match=r"the GPU gave no answer within 0\.01 s"):
            pending.result(0.01)
        machine.device.stuck.set()
        check_found(pending.result(LIMIT_SECONDS), picture(0))


def test_a_gpu_that_hangs_does_not_hold_up_closing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "END_SECONDS", 0.01)
    backend = machine.backend()
    machine.device.stuck.clear()
    with pytest.raises(TimeoutError):
        backend.submit(picture(0)).result(0.01)
    backend.close()
    assert threads_named("tensorrt")
    assert machine.log.about("free", "close") == []
    machine.device.stuck.set()
    wait_until(lambda: not threads_named("tensorrt"))
    assert machine.log.about("free", "close") == FREED


def test_a_closed_backend_answers_at_once_that_it_is(machine: Machine) -> None:
    backend = machine.backend()
    pending = backend.submit(picture(0))
    backend.close()
    backend.close()
    for late in (pending, backend.submit(picture(1))):
        with pytest.raises(BackendError, match="is already closed"):
            late.result(LIMIT_SECONDS)
    assert machine.log.about("close") == ["close device"]


# What can be asked for.


def test_a_precision_that_engines_do_not_have_is_refused(machine: Machine) -> None:
    with pytest.raises(UsageError, match=r"^TensorRT cannot compute in int8; choose --prec"):
        machine.backend(LoadOptions("GPU", "int8"))


def test_a_gpu_that_is_not_there_is_refused(machine: Machine) -> None:
    with pytest.raises(BackendError, match=r"^this machine has no NVIDIA GPU named GPU\.1; run"):
        machine.backend(LoadOptions("GPU.1", "fp32"))


def test_another_gpu_is_opened_by_its_number(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_module, "gpus", lambda: [GPU, Gpu("Other GPU", "8.6", "580.1")])
    with machine.backend(LoadOptions("GPU.1", "fp32")) as backend:
        assert "Other GPU" in backend.description
        assert backend.manifest.key.gpu == "Other GPU"
    assert machine.opened == [1]


def test_every_gpu_is_a_device_and_the_first_needs_no_number(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = EngineModule(machine.variant)
    assert module.devices() == ["GPU"]
    monkeypatch.setattr(backend_module, "gpus", lambda: [GPU, GPU, GPU])
    assert module.devices() == ["GPU", "GPU.1", "GPU.2"]


def test_a_driver_without_a_gpu_is_no_device(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_module, "gpus", list)
    with pytest.raises(
        MissingPackageError,
        match=r"^TensorRT needs an NVIDIA GPU, and there is none; choose --backend cpu$",
    ):
        EngineModule(machine.variant).devices()


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(
        MissingPackageError,
        match=r"^TensorRT is .*; run `pip install '.\[tensorrt\]'` on a machine with an NVIDIA "
        r"driver$",
    ):
        TENSORRT.devices()


def test_without_a_package_for_the_gpu_it_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_module, "gpus", device_module.gpus)
    for layer in ("pycuda_device", "bindings_device"):
        monkeypatch.setitem(sys.modules, f"ssd_live.backends.tensorrt.{layer}", None)
    with pytest.raises(
        MissingPackageError,
        match=r"^neither pycuda nor cuda-bindings is installed; run `pip install '.\[rtx\]'` "
        r"to install cuda-bindings$",
    ):
        EngineModule(machine.variant).devices()


# Which engine.


def test_an_engine_is_built_once_and_then_found(machine: Machine) -> None:
    first, again = machine.engine(), machine.engine()
    assert first == again
    assert [options.batches for options in machine.built] == [(1, 1, 1)]


def test_building_is_told_with_how_far_it_is(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "NEWS_SECONDS", 0.0)
    machine.engine()
    assert machine.lines == [
        "building the TensorRT engine of tiny ...",
        "building the TensorRT engine of tiny: 37%",
    ]


def test_progress_is_told_now_and_then_and_not_for_every_step(machine: Machine) -> None:
    machine.engine()
    assert machine.lines == ["building the TensorRT engine of tiny ..."]


def test_the_engine_for_just_this_is_taken_before_one_for_more(machine: Machine) -> None:
    wide, narrow = machine.keep(batches=(1, 4, 8)), machine.keep(batches=(1, 2, 4))
    assert machine.engine()[0].key == narrow
    exact = machine.keep()
    assert machine.engine()[0].key == exact
    assert machine.engine(batch=8)[0].key == wide
    assert not machine.built


def test_an_engine_without_concessions_is_taken_before_one_for_other_gpus(machine: Machine) -> None:
    machine.keep(hardware_compatible=True)
    plain = machine.keep(batches=(1, 4, 8))
    assert machine.engine()[0].key == plain


@pytest.mark.parametrize(
    "changes",
    [
        {"gpu": "Another GPU"},
        {"compute_capability": "8.6"},
        {"driver": "570.1"},
        {"version": "10.8.0"},
        {"flavour": "tensorrt-rtx"},
        {"precision": "fp16"},
        {"model_sha256": "b" * 64},
        {"batches": (2, 4, 8)},
        {"gpu": "", "compute_capability": "", "driver": "", "targets": ("sm86", "sm120")},
        {"version": "10.10.0", "version_compatible": True},
        {"version": "9.9.0", "version_compatible": True},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_an_engine_for_something_else_is_not_taken(
    machine: Machine, changes: dict[str, Any]
) -> None:
    machine.keep(b"not for here", **changes)
    assert machine.engine()[1] == ENGINE
    assert len(machine.built) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"gpu": "", "compute_capability": "", "driver": ""},
        {"gpu": "", "compute_capability": "", "driver": "", "targets": ("sm86", "sm89")},
        {"workspace_mb": 512},
        {
            "gpu": "Another GPU",
            "compute_capability": "8.6",
            "driver": "570.1",
            "hardware_compatible": True,
        },
        {"version": "10.8.0", "version_compatible": True},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_an_engine_for_more_than_this_gpu_is_taken(
    machine: Machine, changes: dict[str, Any]
) -> None:
    key = machine.keep(**changes)
    assert machine.engine()[0].key == key
    assert not machine.built


def test_a_hardware_compatible_engine_does_not_run_on_what_is_older_than_ampere(
    machine: Machine,
) -> None:
    machine.keep(hardware_compatible=True)
    machine.engine(Gpu("Old GPU", "7.5", "580.1"))
    assert len(machine.built) == 1


def engine_file(key: EngineKey) -> Path:
    found = EngineStore().find(key)
    assert found is not None
    return EngineStore().folder / found[0].engine


def test_a_changed_engine_is_told_of_and_built_again(machine: Machine) -> None:
    key = machine.keep()
    engine_file(key).write_bytes(b"evil")
    manifest, engine = machine.engine()
    assert (manifest.key, engine, len(machine.built)) == (key, ENGINE, 1)
    assert "was changed since it was built" in machine.lines[0]
    machine.lines.clear()
    machine.engine()
    assert not machine.lines


def test_a_changed_manifest_is_told_of_and_the_engine_built_again(machine: Machine) -> None:
    key = machine.keep()
    place = EngineStore().folder / f"tiny-{key.digest}.engine.json"
    place.write_text(place.read_text().replace('"imported": false', '"imported": true'))
    assert machine.engine()[1] == ENGINE
    assert len(machine.built) == 1
    assert "was not written by you, or was changed" in machine.lines[0]


def test_a_changed_engine_leaves_a_sound_one_for_more(machine: Machine) -> None:
    wide = machine.keep(batches=(1, 1, 8))
    engine_file(machine.keep()).write_bytes(b"evil")
    assert machine.engine()[0].key == wide
    assert not machine.built
    assert "was changed since" in machine.lines[0]


FAILED = Parity(state="failed", share=0.661, expected=300, basis="detections")


def test_an_engine_that_failed_parity_is_neither_used_nor_built_again(machine: Machine) -> None:
    machine.keep(parity=FAILED)
    with pytest.raises(BackendError) as caught:
        machine.engine()
    assert one_line(caught.value) == (
        "the fp32 engine of tiny finds only 66.1% of what float32 finds; choose another "
        "precision, or use the engine anyway with `build --force`"
    )
    assert not machine.built


@pytest.mark.parametrize("state", ["passed", "not run", "forced"])
def test_beside_one_that_failed_parity_another_is_used(machine: Machine, state: str) -> None:
    machine.keep(parity=FAILED)
    other = machine.keep(batches=(1, 1, 8), parity=FAILED.model_copy(update={"state": state}))
    assert machine.engine()[0].key == other


def test_a_forced_engine_is_used(machine: Machine) -> None:
    key = machine.keep(parity=FAILED.model_copy(update={"state": "forced"}))
    with machine.backend() as backend:
        assert backend.manifest.key == key
    assert not machine.built


def test_the_engine_of_a_store_that_was_chosen_is_run(machine: Machine, tmp_path: Path) -> None:
    machine.keep(b"in the user's own store")
    store = EngineStore(tmp_path / "elsewhere")
    key = key_for(machine.model, "tensorrt", "10.9.0", BuildOptions("fp32", (1, 1, 8)), GPU)
    manifest = store.save(key, ENGINE, 1.0)
    with machine.backend(chosen=(store, manifest)) as backend:
        assert backend.manifest == manifest
        backend.note_parity(Parity(state="passed"))
    found = store.find(key)
    assert found is not None
    assert found[0].parity.state == "passed"


def test_failed_parity_is_noted_and_refuses_the_engine(machine: Machine) -> None:
    with machine.backend() as backend:
        with pytest.raises(BackendError, match=r"finds only 66\.1% of what float32 finds"):
            backend.note_parity(FAILED)
        assert EngineStore().find(backend.manifest.key) == (backend.manifest, ENGINE)
    with pytest.raises(BackendError, match=r"finds only 66\.1%"):
        machine.backend()


def test_a_store_that_cannot_be_written_is_told_before_the_build(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "tensorrt").write_text("in the way")
    with pytest.raises(OutputError, match="engines cannot be written there"):
        machine.engine()
    assert not machine.built


def test_ctrl_c_while_an_engine_is_built_ends_the_build_in_order(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []

    def build(
        model: ModelFile,
        variant: FakeVariant,
        options: BuildOptions,
        told: object,
        cancelled: threading.Event,
        *_: object,
    ) -> bytes:
        _thread.interrupt_main()
        ended.append(cancelled.wait(LIMIT_SECONDS))
        raise CancelledError("the build was cancelled; nothing was kept")

    monkeypatch.setattr(engines, "build", build)
    store = EngineStore()
    store.prepare()
    with pytest.raises(KeyboardInterrupt):
        build_here(
            machine.model, machine.variant, BuildOptions("fp32"), lambda share, phase: None, store
        )
    wait_until(lambda: ended)
    assert ended == [True]
