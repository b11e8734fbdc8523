"""From a file of weights to a model that runs, and fetching from a real server."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.errors import DownloadError
from ssd_live.imaging.image_files import read_image
from ssd_live.modelfile.catalogue import find_model
from ssd_live.models import create
from ssd_live.selection.agreement import answers, before_nms, compare_boxes
from ssd_live.system.download import fetch
from ssd_live.system.paths import assets_folder
from tests.conftest import Answer
from tests.servers import HttpServer, QuietHandler

pytestmark = pytest.mark.usefixtures("engines_of_their_own")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "lite.pth"
    torch.save(create("ssdlite320-mobilenetv3-large", 21).state_dict(), path)
    return path


def test_imported_weights_run_everywhere_and_are_the_same_network(
    ssd: Callable[..., Answer], weights: Path
) -> None:
    answer = ssd("models", "import", weights, "--name", "imported-lite")
    assert answer.code == 0, answer.err
    assert "--model imported-lite" in answer.out
    model = find_model("imported-lite")
    assert (model.metadata.network, model.metadata.preset, len(model.metadata.classes)) == (
        "ssdlite320-mobilenetv3-large",
        "coco",
        20,
    )
    frame = read_image(assets_folder() / "media" / "chelsea.png").network_input(
        model.metadata.input_size
    )
    found = {}
    for name in ("openvino", "onnxruntime", "torch"):
        with load_backend(
            name, before_nms(model) if name != "torch" else model, LoadOptions()
        ) as backend:
            found[name] = answers(backend, [frame])
    assert compare_boxes(found["onnxruntime"], found["openvino"]).share > 0.99
    again = ssd("models", "import", weights, "--name", "imported-lite")
    assert again.code == 1
    assert "--overwrite" in again.err


def test_a_shipped_name_is_not_replaced(ssd: Callable[..., Answer], weights: Path) -> None:
    answer = ssd("models", "import", weights, "--name", "ssd300-mobilenetv2-oid", "--overwrite")
    assert answer.code == 2
    assert "--name" in answer.err


def test_the_number_of_class_names_must_fit(ssd: Callable[..., Answer], weights: Path) -> None:
    answer = ssd("models", "import", weights, "--name", "other", "--classes", "a,b")
    assert answer.code == 2
    assert "20 classes but 2 names" in answer.err


def test_an_unknown_name_to_pull_lists_the_known_ones(ssd: Callable[..., Answer]) -> None:
    answer = ssd("models", "pull", "ssd900")
    assert answer.code == 1
    assert "ssd300-vgg16-coco" in answer.err


DATA = bytes(np.random.default_rng(1).integers(0, 256, 3_000_000, np.uint8))
DIGITS = hashlib.sha256(DATA).hexdigest()[:8]


class Server(HttpServer):
    """Serves DATA, with ranges; can be told to cut a transfer off."""

    def __init__(self) -> None:
        self.cut_at: int | None = None
        self.ranges: list[str | None] = []
        outer = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name of the library
                wanted = self.headers.get("Range")
                outer.ranges.append(wanted)
                start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
                if start >= len(DATA):
                    self.send_error(416)
                    return
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(len(DATA) - start))
                self.end_headers()
                self.wfile.write(DATA[start : outer.cut_at] if outer.cut_at else DATA[start:])

        super().__init__(Handler, f"weights-{DIGITS}.pth")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_a_fetch_tells_its_progress_and_records_the_hash(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    found = fetch(
        server.address, tmp_path / "w.pth", DIGITS, lambda done, total: told.append((done, total))
    )
    assert (tmp_path / "w.pth").read_bytes() == DATA
    assert told[-1] == (len(DATA), len(DATA))
    assert json.loads((tmp_path / "hashes.json").read_text()) == {"w.pth": found}


def test_a_fetch_that_broke_off_goes_on_from_where_it_was(server: Server, tmp_path: Path) -> None:
    server.cut_at = 1_000_000
    with pytest.raises(DownloadError, match="try again"):
        fetch(server.address, tmp_path / "w.pth", DIGITS)
    assert not (tmp_path / "w.pth").exists()
    server.cut_at = None
    fetch(server.address, tmp_path / "w.pth", DIGITS)
    assert (tmp_path / "w.pth").read_bytes() == DATA
    assert server.ranges == [None, "bytes=1000000-"]


def test_another_content_is_deleted(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="not 00000000"):
        fetch(server.address, tmp_path / "w.pth", "00000000")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changed_after_it_was_fetched_is_refused(
    server: Server, tmp_path: Path
) -> None:
    fetch(server.address, tmp_path / "w.pth", DIGITS)
    (tmp_path / "w.pth").write_bytes(b"something else")
    with pytest.raises(DownloadError, match="does not have the expected hash"):
        fetch(server.address, tmp_path / "w.pth", DIGITS)


def test_a_server_that_is_not_there_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="cannot be fetched") as caught:
        fetch("http://127.0.0.1:9/w.pth", tmp_path / "w.pth", DIGITS)
    assert "\n" not in str(caught.value)
