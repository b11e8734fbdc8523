"""Reports as `bench` writes them, of figures that nobody measured."""

from typing import Any

from ssd_live.bench.records import Latency, Machine, Measurement, Report, Stage, StageCosts


def measurement(**changes: Any) -> Measurement:
    fields: dict[str, Any] = {
        "kind": "network",
        "what": "one at a time",
        "model": "tiny",
        "backend": "openvino",
        "precision": "fp32",
        "description": "OpenVINO 1 CPU fp32",
        "source": "",
        "samples": (99.0, 100.0, 101.0),
        "frames": 60,
        "latency_ms": Latency(p50=10.0, p95=11.0, p99=12.0),
        "memory_mb": 200.0,
    }
    return Measurement(**fields | changes)


def end_to_end(**changes: Any) -> Measurement:
    fields = {
        "kind": "end to end",
        "what": "H.264 video",
        "source": "the sample clip",
        "latency_ms": None,
        "bound_fps": 200.0,
    }
    return measurement(**fields | changes)


def machine(**changes: Any) -> Machine:
    fields: dict[str, Any] = {
        "processor": "A processor",
        "cores": 4,
        "memory_gib": 16.0,
        "gpus": (),
        "system": "Linux",
        "versions": {"ssd_live": "1.0", "openvino": "2026.4"},
        "governor": "performance",
        "on_battery": None,
        "load_before": 0.1,
        "others_busy": 0.01,
        "steal": 0.0,
        "slowest_clock": None,
    }
    return Machine(**fields | changes)


def costs() -> StageCosts:
    stages = (
        Stage(name="decode", cpu_ms=1.0),
        Stage(name="inference", cpu_ms=3.0),
        Stage(name="NMS", cpu_ms=0.5, within="inference"),
        Stage(name="tracking, live", cpu_ms=0.2, optional=True),
    )
    return StageCosts(
        model="tiny", backend="openvino", precision="fp32", source="the sample clip", stages=stages
    )


def report(*measurements: Measurement, **changes: Any) -> Report:
    fields: dict[str, Any] = {
        "created": "2026-11-22T10:00:00+00:00",
        "command": "main.py bench",
        "seconds": 30.0,
        "machine": machine(),
        "warnings": (),
        "measurements": measurements or (measurement(), end_to_end()),
        "stages": (costs(),),
    }
    return Report(**fields | changes)
