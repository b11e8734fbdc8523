"""A session whose GPU cannot be used, or is lost, goes on without it. The networks are made up; no
GPU takes part.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from ssd_live.errors import (
    BackendError,
    CancelledError,
    MissingPackageError,
    SsdLiveError,
    UsageError,
)
from ssd_live.live import session as session_module
from ssd_live.modelfile.file import read_model_file
from ssd_live.pipeline.capture import Phase
from ssd_live.remote import loader
from ssd_live.remote.network import ModelRequest
from tests.fake_engine import know_the_fastest, without_tensorrt
from tests.tiny_model import tiny_model
from tests.unit.live.made_up import Machine
from tests.waiting import wait_until

ENGINE, WITHOUT_GPU = ModelRequest("tiny", "tensorrt", "fp16"), ModelRequest("tiny", "cpu", "auto")
REFUSED = BackendError("TensorRT cannot load the engine; choose --backend cpu")


@pytest.mark.parametrize(
    "error",
    [REFUSED, MissingPackageError("there is no NVIDIA driver here")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    "backend", ["auto", "tensorrt", "tensorrt-rtx", "tensorrt:GPU.1", "torch:CUDA", "openvino:GPU"]
)
def test_what_cannot_be_loaded_on_a_gpu_is_loaded_without(
    machine: Machine, backend: str, error: SsdLiveError
) -> None:
    machine.troubles[backend] = error
    with machine.session() as session:
        machine.run_on(session, ModelRequest("tiny", backend, "fp16"))
    assert machine.loaded == [WITHOUT_GPU]
    assert machine.told == [f"{error}; the CPU is used instead of the GPU"]
    assert not machine.failed


@pytest.mark.parametrize("backend", ["cpu", "openvino", "openvino:CPU", "onnxruntime", "torch"])
def test_what_uses_no_gpu_is_not_loaded_in_another_way(machine: Machine, backend: str) -> None:
    machine.troubles[backend] = REFUSED
    with machine.session() as session:
        session.load(ModelRequest("tiny", backend))
        wait_until(lambda: machine.failed)
    assert (machine.loaded, machine.told, len(machine.networks)) == ([], [], 1)


def test_what_makes_no_sense_is_told_and_nothing_else_is_loaded(machine: Machine) -> None:
    machine.troubles["tensorrt"] = UsageError("TensorRT cannot compute in int8")
    with machine.session() as session:
        session.load(ENGINE)
        wait_until(lambda: machine.failed)
    assert machine.failed == [(ENGINE, machine.troubles["tensorrt"])]
    assert len(machine.networks) == 1


def test_a_network_in_use_stays_when_an_engine_cannot_be_loaded(machine: Machine) -> None:
    machine.troubles["tensorrt"] = REFUSED
    with machine.session() as session:
        machine.run_on(session, ModelRequest("tiny", "onnxruntime"))
        session.load(ENGINE)
        wait_until(lambda: machine.failed)
        machine.see(session)
    assert machine.failed == [(ENGINE, REFUSED)]
    assert machine.loaded == [ModelRequest("tiny", "onnxruntime")]
    assert not machine.told


def test_when_the_processor_cannot_do_it_either_that_is_the_end(machine: Machine) -> None:
    machine.troubles = {"tensorrt": REFUSED, "cpu": BackendError("no backend can run tiny here")}
    with machine.session() as session:
        session.load(ENGINE)
        wait_until(lambda: machine.failed)
    assert machine.failed == [(WITHOUT_GPU, machine.troubles["cpu"])]


def test_cancelling_is_no_reason_to_go_on_without_the_gpu(machine: Machine) -> None:
    machine.endless.add("tensorrt")
    with machine.session() as session:
        session.load(ENGINE)
        wait_until(lambda: machine.loading)
        session.cancel_loading()
        wait_until(lambda: machine.failed)
    assert isinstance(machine.failed[0][1], CancelledError)
    assert (machine.loaded, machine.told) == ([], [])


def test_a_gpu_that_is_lost_is_tried_once_more_and_then_done_without(machine: Machine) -> None:
    with machine.session() as session:
        machine.run_on(session, ENGINE)
        machine.troubles["tensorrt"] = REFUSED
        machine.die(session)
        machine.see(session)
    assert machine.loaded == [ENGINE, WITHOUT_GPU]
    assert machine.told == [
        "the GPU failed or was lost",
        f"{REFUSED}; the CPU is used instead of the GPU",
    ]
    assert not machine.failed


def test_an_engine_that_keeps_dying_is_done_without(machine: Machine) -> None:
    with machine.session() as session:
        session.load(ENGINE)
        for count in range(1, 5):
            wait_until(
                lambda: (
                    len(machine.loaded) == count  # noqa: B023 - called within this round
                    and session.pipeline.network is not None
                )
            )
            machine.die(session)
        machine.see(session)
    assert machine.loaded == [*[ENGINE] * 4, WITHOUT_GPU]
    assert machine.told[-1] == "the GPU failed or was lost; the CPU is used instead of the GPU"


def test_a_network_that_dies_comes_back_and_not_one_that_was_cancelled(machine: Machine) -> None:
    used = ModelRequest("tiny", "onnxruntime")
    machine.endless.add("tensorrt")
    with machine.session() as session:
        machine.run_on(session, used)
        session.load(ENGINE)
        wait_until(lambda: machine.loading)
        session.cancel_loading()
        wait_until(lambda: machine.failed)
        machine.die(session)
        machine.see(session)
    assert machine.loaded == [used, used]


def test_a_network_that_dies_comes_back_and_not_one_that_could_not_be_loaded(
    machine: Machine,
) -> None:
    used = ModelRequest("tiny", "onnxruntime")
    machine.troubles["tensorrt"] = REFUSED
    with machine.session() as session:
        machine.run_on(session, used)
        session.load(ENGINE)
        wait_until(lambda: machine.failed)
        machine.die(session)
        machine.see(session)
    assert machine.loaded == [used, used]


def test_a_later_wish_is_not_put_aside_for_going_on_without_the_gpu(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user asks for something else in the moment in which an engine is refused."""
    later = ModelRequest("tiny", "openvino")
    machine.troubles["tensorrt"] = REFUSED

    def loader_with_a_later_wish(
        events: loader.LoaderEvents, users: int = 1
    ) -> loader.NetworkLoader:
        def wish_first(model_request: ModelRequest, error: SsdLiveError) -> None:
            session.load(later)
            events.failed(model_request, error)

        return loader.NetworkLoader(replace(events, failed=wish_first), users)

    monkeypatch.setattr(session_module, "NetworkLoader", loader_with_a_later_wish)
    with machine.session() as session:
        machine.run_on(session, ENGINE)
    assert machine.loaded == [later]
    assert not machine.told


# The same with real processes.


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model whose fastest backend on this processor is known already, on a machine whose TensorRT
    is not installed.
    """
    without_tensorrt(tmp_path, monkeypatch)
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model([(0.2, 0.2, 0.8, 0.8)], [(0.9, 0.1)]).data)
    know_the_fastest(read_model_file(path))
    return str(path)


def test_an_engine_that_cannot_be_loaded_is_replaced_by_the_fastest_on_the_processor(
    tiny: str,
) -> None:
    machine = Machine()
    with machine.session() as session:
        machine.run_on(session, ModelRequest(tiny, "tensorrt", "fp16"))
        assert session.loaded is not None
        assert (session.loaded.backend, session.loaded.device) == ("onnxruntime", "CPU")
    assert machine.loaded == [ModelRequest(tiny, "cpu")]
    assert machine.told == [
        "TensorRT is not installed; run `pip install '.[tensorrt]'` on a machine with an NVIDIA "
        "driver; the CPU is used instead of the GPU"
    ]


@pytest.mark.parametrize("still", [0, 1])
def test_a_lost_gpu_is_done_without_whichever_of_two_sources_stands_still(
    machine: Machine, still: int
) -> None:
    with machine.session(streams=2) as both:
        both.load(ModelRequest("tiny", "tensorrt", "fp16"))
        wait_until(lambda: all(stream.pipeline.network is not None for stream in both.streams))
        capture = both.streams[still].pipeline.capture
        assert capture is not None
        capture.pause()
        # No picture of a live source that is paused reaches the network, so it does not notice.
        wait_until(lambda: both.streams[still].pipeline.state.phase is Phase.PAUSED)  # type: ignore[union-attr]
        machine.troubles["tensorrt"] = REFUSED
        machine.networks[0].kill()
        wait_until(lambda: machine.failed or len(machine.loaded) == 2)
        assert not machine.failed
        assert machine.loaded[1].backend == "cpu"
