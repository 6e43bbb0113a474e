"""What safety costs at every tick: the checks before a set point, and the beat."""

from pathlib import Path

from hil.safety.heart import Heart
from hil.safety.limited import limited
from hil.safety.limits import BenchLimits
from hil.station import Limits, Station, StationDevice


class Taking:
    """A driver that takes everything."""

    name, p_rated_kw = "roof", 5.0

    def limit_power(self, p_kw):
        self.p_kw = p_kw


def test_bench_a_set_point_behind_its_limits(benchmark):
    device = StationDevice(
        name="roof",
        role="inverter",
        driver="scpi",
        p_rated_kw=5.0,
        s_rated_kva=5.0,
        limits=Limits(p_max_kw=5.0),
        ramp_kw_per_s=1e9,
    )
    station = Station(name="lab", file=Path("lab.yaml"), devices=(device,), p_max_kw=8.0)
    driver = Taking()
    benchmark(limited(driver, device, BenchLimits(station)).limit_power, 3.0)
    assert driver.p_kw == 3.0


def test_bench_a_beat(benchmark, tmp_path):
    heart = Heart.make(tmp_path / "heart")
    seat = heart.sit("the driver", drives=True)

    def beat():
        heart.look()  # the guardian's part, so that it is never blind
        seat.beat()

    benchmark(beat)
    assert heart.seats()[0].beats > 0
    heart.close()
