"""The SunSpec driver: by hand-made registers, by the emulator, and by pysunspec2's own client."""

import contextlib
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sunspec2.modbus.client")

from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP
from sunspec_device import NO_FACTOR, HandMade, legacy, modern

from hil.conformance import Conformance
from hil.drivers.channels import Channels
from hil.drivers.opening import open_device
from hil.drivers.sunspec.address import read_place
from hil.drivers.sunspec.inverter import SunSpecInverter
from hil.drivers.sunspec.link import ModbusLink, open_modbus
from hil.emulated_bench import EmulatedStation
from hil.errors import BenchError, DeviceError, IdentityError, LinkError, SetpointError
from hil.link.record import Recorder
from hil.link.replay import Replay
from hil.record import look
from hil.station import Limits, Station, StationDevice

WAIT_S = 0.5
"""How long is waited for answers that never come."""
ROOF = StationDevice(
    name="roof",
    role="inverter",
    driver="sunspec",
    emulated={"reconnect_delay_s": 0, "response_s": 0},
    p_rated_kw=5.0,
    s_rated_kva=5.0,
    limits=Limits(p_max_kw=5.0),
    timeout_s=5.0,
)


def reading_of(device, **given):
    with contextlib.closing(opened(device, **given)) as inverter:
        return inverter.measure()


def opened(device, **given):
    link = open_modbus(device.address, timeout_s=5.0, name="roof")
    given = {"p_rated_kw": 20.0, "channels": Channels(), **given}
    try:
        return SunSpecInverter(link, name="roof", **given)
    except BaseException:
        link.close()
        raise


@pytest.mark.parametrize("models", [legacy, modern])
def test_readings_come_in_our_units_and_with_the_stations_signs(models):
    # By hand: 123 counts of ten watts feed 1.23 kW; 4321 Wh.
    with HandMade(models()) as device:
        reading = reading_of(device, channels=Channels(signs={"q": -1}))
        assert reading[:2] == pytest.approx((1.23, 0.45))
        assert (reading.tripped, reading.energy_kwh) == (False, 4.321)


@pytest.mark.parametrize(
    ("models", "state", "known"),
    [
        (legacy, 2, "waiting"),
        (legacy, 3, "waiting"),
        (legacy, 5, "running"),
        (legacy, 7, "tripped"),
        (modern, 2, "waiting"),
        (modern, 3, "running"),
        (modern, 7, "tripped"),
    ],
)
def test_states_are_those_of_each_generation(models, state, known):
    with HandMade(models()) as device:
        device.words[device.at(103, 38) if models is legacy else device.at(701, 4)] = state
        reading = reading_of(device)
        assert (reading.state, reading.tripped) == (known, known != "running")


@pytest.mark.parametrize(("factor", "counts"), [(0, 25), (-1, 250), (-2, 2500)])
@pytest.mark.parametrize("models", [legacy, modern])
def test_a_limit_is_in_counts_of_the_devices_own_scale_factor(models, factor, counts):
    # By hand: 2.5 kW of 10 kW are 25 %. A factor that is read too early writes 25 counts for all
    # three, and reads back 25 "percent" each time.
    with HandMade(models(pct_factor=factor)) as device:
        with contextlib.closing(opened(device)) as inverter:
            inverter.limit_power(2.5)
        place, enable = (
            (device.at(123, 5), device.at(123, 9))
            if models is legacy
            else (device.at(704, 15), device.at(704, 14))
        )
        assert (device.words[place], device.words[enable]) == (counts, 1)
        assert len(device.writes) == 1


def test_a_limit_is_never_rounded_up():
    # By hand: 2.567 kW of 10 kW are 256.7 tenths of a percent.
    with HandMade(modern()) as device, contextlib.closing(opened(device)) as inverter:
        inverter.limit_power(2.567)
        assert device.words[device.at(704, 15)] == 256


@pytest.mark.parametrize("models", [legacy, modern])
def test_a_scale_factor_that_is_missing_is_refused_and_nothing_is_written(models):
    with HandMade(models(pct_factor=NO_FACTOR)) as device:
        with contextlib.closing(opened(device)) as inverter:
            with pytest.raises(DeviceError, match=r"scale factor WMaxLimPct_SF is None"):
                inverter.limit_power(2.5)
            assert not device.writes
        device.words[device.at(103, 15) if models is legacy else device.at(701, 116)] = NO_FACTOR
        with pytest.raises(DeviceError, match="scale factor W_SF is None"):
            reading_of(device)


def test_what_the_device_did_not_take_is_an_error():
    with HandMade(modern()) as device, contextlib.closing(opened(device)) as inverter:
        take, device.answer = (
            device.answer,
            lambda request: request[:5] if request[0] == 16 else take(request),
        )
        with pytest.raises(SetpointError, match=r"asked for 2.5 kW, device holds no limit"):
            inverter.limit_power(2.5)
        device.words[device.at(704, 14)] = 1
        with pytest.raises(SetpointError, match=r"asked for 2.5 kW, device holds 10.* kW"):
            inverter.limit_power(2.5)


def test_the_rating_is_the_lesser_of_the_stations_and_the_devices():
    with HandMade(modern()) as device:
        with contextlib.closing(opened(device, p_rated_kw=4.0)) as inverter:
            assert inverter.p_rated_kw == 4.0
        with contextlib.closing(opened(device)) as inverter:
            assert inverter.p_rated_kw == 10.0
            for value in (10.1, -0.1, float("nan")):
                with pytest.raises(SetpointError, match="nothing was sent"):
                    inverter.limit_power(value)
        assert not device.writes


def test_its_timer_is_renewed_while_the_bench_reads_and_not_after_it_has_run_out():
    now_s = 0.0
    with HandMade(modern()) as device:
        inverter = opened(device, clock=lambda: now_s)
        with contextlib.closing(inverter):
            inverter.limit_power(2.5)
            inverter.arm_revert(6.0)
            # Limit 250, on; falls back to 0, on, after 6 s: one request, model 704 from 14 to 19.
            written = [1, 250, 0, 1, 0, 6]
            assert device.writes[-1] == (device.at(704, 14), written)
            before = len(device.writes)
            for passed_s in (1.0, 2.1, 2.2):
                now_s = passed_s
                inverter.measure()
            assert [words for _, words in device.writes[before:]] == [written]
            device.words[device.at(704, 15)] = 0  # its timer has run out
            now_s = 30.0
            inverter.measure()
            inverter.arm_revert(0.0)
            assert device.words[device.at(704, 15)] == 0
            assert device.writes[-1][1] == [1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("models", "revert_s", "said"),
    [
        (modern, 2.5, "counts whole seconds"),
        (modern, float("nan"), "counts whole seconds"),
        (legacy, 5.0, "model 123 lifts the limit, which is not safe"),
    ],
)
def test_a_timer_that_would_not_make_it_safe_is_refused(models, revert_s, said):
    with HandMade(models()) as device, contextlib.closing(opened(device)) as inverter:
        with pytest.raises(SetpointError, match=said):
            inverter.arm_revert(revert_s)
        assert not device.writes


def test_a_device_that_is_no_inverter_with_a_limit_is_refused():
    with (
        HandMade([103, 50, *50 * [0]]) as device,
        pytest.raises(DeviceError, match="has models 1, 103; an inverter with a limit has 704"),
    ):
        opened(device)


def test_models_without_end_are_not_listed_for_ever():
    endless = HandMade([64_001, 0] * 5000)
    with endless as device, pytest.raises(DeviceError, match="cannot be listed"):
        opened(device)


@given(data=st.data(), models=st.sampled_from([legacy, modern]))
def test_registers_of_any_content_are_a_reading_that_can_be_true_or_an_error(data, models):
    device = HandMade(models())
    with device:
        places = st.integers(72, len(device.words) - 1)
        odd = st.one_of(st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFF]), st.integers(0, 0xFFFF))
        for place, word in data.draw(st.lists(st.tuples(places, odd), max_size=12)):
            device.words[place] = word
        with contextlib.suppress(BenchError), contextlib.closing(opened(device)) as inverter:
            assert 0.0 < inverter.p_rated_kw <= 20.0
            found = inverter.measure()
            assert all(math.isfinite(value) for value in found[:2])
            inverter.limit_power(0.5 * inverter.p_rated_kw)


def test_a_model_that_is_too_short_is_refused_and_the_next_is_not_read_in_its_stead():
    with HandMade(modern()) as device:
        short = device.words[: device.at(702, 0)]
        short[device.at(701, 1)] = 60
        kept = short[: device.at(701, 62)]
        device.words[:] = [*kept, *device.words[device.at(702, 0) :]]
        with pytest.raises(DeviceError, match="model 701 ends after 60 registers"):
            reading_of(device)


def test_a_device_whose_models_have_moved_is_not_read_as_before():
    with HandMade(modern()) as device, contextlib.closing(opened(device)) as inverter:
        device.words[device.at(701, 0)] = 705
        with pytest.raises(DeviceError, match="where model 701 stood now stands 705"):
            inverter.measure()


def test_every_byte_is_recorded_and_the_run_is_had_again_without_the_device(tmp_path):
    def play(inverter):
        inverter.limit_power(2.5)
        return inverter.measure()

    with HandMade(modern()) as device, Recorder(tmp_path, say=print) as recorder:
        link = open_modbus(device.address, timeout_s=5.0, tap=recorder.tap("roof"))
        inverter = SunSpecInverter(link, name="roof", p_rated_kw=20.0, channels=Channels())
        first = play(inverter)
        inverter.close()
        kept = recorder.path("roof")
    replay = Replay(kept)
    again = ModbusLink(replay.open, name="roof", unit=7, timeout_s=5.0)
    again.connect()
    inverter = SunSpecInverter(again, name="roof", p_rated_kw=20.0, channels=Channels())
    assert play(inverter) == first
    assert replay.is_finished


@pytest.fixture(scope="module")
def address():
    """A running emulated inverter's."""
    with EmulatedStation(Station(name="s", file=Path("s.yaml"), devices=(ROOF,))) as running:
        yield running.addresses["roof"]


@pytest.fixture
def roof(address):
    inverter = open_device(ROOF, address)
    inverter.clear_faults()
    yield inverter
    with contextlib.suppress(BenchError):
        inverter.clear_faults()
    inverter.close()


def test_pysunspec2_and_scpi_see_the_limit_that_we_set(address, roof):
    roof.limit_power(3.21)
    place = read_place(address)
    witness = SunSpecModbusClientDeviceTCP(
        slave_id=1, ipaddr=place.host, ipport=place.port, timeout=20
    )
    with contextlib.closing(witness):
        witness.scan()
        controls = witness.models[704][0]
        assert (controls.WMaxLimPct.cvalue, controls.WMaxLimPctEna.value) == (64.2, 1)
        assert controls.WMaxLimPct.value != controls.WMaxLimPct.cvalue  # its factor is not 0
        assert float(roof._beside._link.query("POW:LIM?")) == pytest.approx(3210.0)
        measured = witness.models[701][0]
        measured.read()
        assert roof.measure().p_kw == pytest.approx(measured.W.cvalue / 1000.0, abs=0.01)


@pytest.mark.parametrize(
    "fault",
    [
        ("close",),
        ("reset",),
        ("garbage",),
        pytest.param(("delay", 1, 6.0), marks=pytest.mark.soak),
        pytest.param(("drop",), marks=pytest.mark.soak),
        pytest.param(("torn",), marks=pytest.mark.soak),
    ],
)
def test_a_lost_answer_is_an_error_and_the_next_reading_is_right(roof, fault):
    roof.limit_power(2.0)
    roof.inject(*fault)
    with pytest.raises(BenchError):
        roof.measure()
    roof.limit_power(1.0)
    assert roof.measure().state == "running"
    assert str(roof.identify()) == "Peerwatt,Emulated inverter,roof,1"


def test_a_device_that_was_swapped_is_refused_at_the_next_connection(roof):
    roof.inject("identity")
    roof._link.drop()
    with pytest.raises(IdentityError, match="not-roof"):
        roof.limit_power(1.0)


def test_a_device_that_reboots_on_order_is_gone_and_comes_back_with_its_defaults(roof):
    roof.limit_power(1.0)
    with pytest.raises(DeviceError, match="fault 'reboot' was refused"):
        roof.inject("reboot", -1.0)
    roof.inject("reboot", 0.1)
    with pytest.raises(LinkError):
        roof.measure()
    ends_s = time.monotonic() + 20.0
    while _is_gone(roof):
        assert time.monotonic() < ends_s, "it did not come back"
        time.sleep(0.02)
    assert float(roof._beside._link.query("POW:LIM?")) == 0.0
    roof.limit_power(1.0)


def _is_gone(device):
    try:
        device.measure()
        device._beside._link.query("*OPC?")
    except LinkError:
        return True
    return False


def test_a_setpoint_that_the_device_refuses_is_an_error(roof):
    roof.inject("refuse")
    with pytest.raises(DeviceError, match="was refused: it does not take that value"):
        roof.limit_power(1.0)


def test_it_conforms_and_is_found_by_its_serial_number(address):
    device = replace(ROOF, timeout_s=WAIT_S)
    steps = Conformance(device, lambda: open_device(device, address)).run()
    assert {step.verdict for step in steps} == {"passed", "not testable"}
    untested = [step.name for step in steps if step.verdict == "not testable"]
    assert untested == [
        "error queue can be emptied",
        "reverts by itself when the bench is silent",  # with a timer: `make soak`
        "error queue is empty at the end",
    ]
    seen = look(replace(ROOF, serial_number="roof"), address, asks=2)
    assert (seen.identity.serial, seen.amiss, seen.errors) == ("roof", (), None)


@pytest.mark.soak
def test_it_reverts_by_its_own_timer_when_the_bench_is_silent(address):
    armed = replace(ROOF, revert_s=1.0, timeout_s=WAIT_S)
    steps = {one.name: one for one in Conformance(armed, lambda: open_device(armed, address)).run()}
    assert steps["reverts by itself when the bench is silent"].verdict == "passed"
