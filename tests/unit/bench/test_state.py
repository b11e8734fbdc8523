"""The machine's state while it is measured."""

from pathlib import Path
from typing import Any

import pytest

from ssd_live.bench.state import Energy, Watch, load_average, throttle_count, warnings
from tests.unit.bench.reports import machine


def test_a_quiet_machine_is_not_warned_of() -> None:
    assert (
        warnings(
            machine(
                load_before=1.9,
                others_busy=0.05,
                steal=0.02,
                slowest_clock=0.8,
                on_battery=False,
                throttled=0,
            )
        )
        == ()
    )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"others_busy": 0.3}, "other programs used 30% of the CPU"),
        ({"load_before": 3.0}, "busy before the start (load 3.0 on 4 cores)"),
        ({"steal": 0.1}, "had no CPU for 10% of the time"),
        ({"slowest_clock": 0.5}, "the CPU clock fell to 50% of its maximum"),
        ({"throttled": 2}, "slowed down because of heat"),
        ({"governor": "powersave"}, "saves power"),
        ({"on_battery": True}, "on battery"),
    ],
)
def test_what_makes_figures_doubtful_is_said_in_a_line(state: dict[str, Any], words: str) -> None:
    (line,) = warnings(machine(**state))
    assert words in line


def test_a_watch_knows_the_machine_it_is_on() -> None:
    watch = Watch()
    watch.look()
    state = watch.machine(load_average(), 0.0)
    assert state.cores >= 1
    assert state.memory_gib > 0
    assert {"ssd_live", "python", "numpy"} <= state.versions.keys()
    assert state.others_busy >= 0
    assert state.slowest_clock is None or state.slowest_clock > 0


def test_what_the_measuring_processes_used_is_not_held_against_other_programs() -> None:
    watch = Watch()
    sum(range(10**6))
    assert watch.machine(0.0, told=10**6).others_busy == 0


def _counter(folder: Path, place: str, name: str, microjoules: int) -> Path:
    path = folder / place
    path.mkdir(exist_ok=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    return path / "energy_uj"


def test_energy_is_that_of_the_sockets(tmp_path: Path) -> None:
    """As RAPL tells it: the platform's counter and those inside a socket count the same again."""
    counters = [
        _counter(tmp_path, place, name, 1000)
        for place, name in (
            ("intel-rapl:0", "package-0"),
            ("intel-rapl:1", "package-1"),
            ("intel-rapl:2", "psys"),
            ("intel-rapl:0:0", "core"),
        )
    ]
    energy = Energy(tmp_path)
    for counter in counters:
        counter.write_text("2001000\n")
    assert energy.joules() == 4.0


def test_a_counter_that_wrapped_round_tells_nothing(tmp_path: Path) -> None:
    first, second = (
        _counter(tmp_path, f"intel-rapl:{number}", f"package-{number}", 10**9) for number in (0, 1)
    )
    energy = Energy(tmp_path)
    first.write_text("5\n")
    second.write_text(f"{10**10}\n")
    assert energy.joules() is None


def test_where_no_counter_may_be_read_there_is_no_energy(tmp_path: Path) -> None:
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0" / "name").write_text("package-0")
    assert Energy(tmp_path).joules() is None


def test_slowing_down_for_heat_is_counted_over_all_cores(tmp_path: Path) -> None:
    for number in (0, 1, 12):
        place = tmp_path / f"cpu{number}" / "thermal_throttle"
        place.mkdir(parents=True)
        (place / "core_throttle_count").write_text(f"{number}\n")
    (tmp_path / "cpufreq").mkdir()
    assert throttle_count(tmp_path) == 13
    assert throttle_count(tmp_path / "nowhere") is None
