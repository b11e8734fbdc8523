"""Objects are hidden in everything that a session shows, records and keeps."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ssd_live.pipeline.capture import CaptureOptions
from ssd_live.remote.network import ModelRequest
from ssd_live.video.sources import SourcePacket, parse_source
from tests.clips import pictures, write_clip
from tests.servers import StreamServer
from tests.unit.live.made_up import Machine
from tests.waiting import wait_until


def test_no_frame_and_no_recording_shows_what_is_hidden(tmp_path: Path, machine: Machine) -> None:
    with machine.session() as session:
        seen: list[Any] = []
        session.redact(["Cat"])
        begun = len(seen)
        session.pipeline.listen(lambda live_frame: seen.append(live_frame))
        wait_until(lambda: len(seen) > begun + 5, what="frames without a network")
        # Nobody knows yet where the cats are.
        assert not any(live_frame.frame.planes[0].any() for live_frame in seen[begun + 2 :])
        machine.run_on(session, ModelRequest("tiny"))
        assert session.loaded is not None
        assert session.unknown_redacted(session.loaded.metadata) == []
        wait_until(lambda: seen[-1].frame.planes[0].any(), what="a frame that shows something")
        session.redact(["Horse"])
        assert session.unknown_redacted(session.loaded.metadata) == ["Horse"]
        # Frames that are on their way may have been redacted as before.
        begun = len(seen)
        wait_until(lambda: len(seen) > begun + 5, what="frames that are all hidden")
        session.stream.start_recording(tmp_path / "r.mkv", boxes=False)
        recorder = session.stream.recorder
        assert recorder is not None
        wait_until(lambda: recorder.frames > 5, what="recorded frames")
        session.stream.stop_recording()
        assert recorder.join(10)
        assert session.add_stream().pipeline.redactor is not None
        session.redact([])
        assert session.pipeline.redactor is None
    assert np.stack(pictures(tmp_path / "r.mkv")).max() <= 2


def test_packets_are_given_to_nobody_while_something_is_hidden(
    tmp_path: Path, machine: Machine
) -> None:
    video = write_clip(tmp_path / "camera.ts", 150, rate=Fraction(25, 2), size=(320, 136))
    with StreamServer(video, 12.0) as camera, machine.session() as session:
        packets: list[SourcePacket] = []
        session.pipeline.packet_listener = packets.append
        session.stream.open(parse_source(camera.address), CaptureOptions())
        wait_until(lambda: len(packets) > 5)
        assert packets[0].has_times
        session.redact(["Cat"])
        captured = session.pipeline.frame_counter.counts().captured
        begun = len(packets)
        wait_until(lambda: session.pipeline.frame_counter.counts().captured > captured + 10)
        # One may have been on its way.
        assert len(packets) <= begun + 1
        session.redact([])
        wait_until(lambda: len(packets) > begun + 5)
