"""The driver, by conversations written down: what goes out, what comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.scpi_inverter import ScpiInverter
from hil.errors import BenchError, DeviceError, LinkError, LockstepError, SetpointError
from hil.roles import Faulty, InverterReading, Lockstep

SAFE = ("SOUR:POW:LIM 0.0;:SOUR:POW:LIM?", "0.0")
MEASURE = "MEAS:POW?;:MEAS:POW:REAC?;:MEAS:ENER?;:SOUR:STAT?"
BEGIN = ("SIM:CLOC:BEG;:SIM:CLOC?", "BENCH")


def tick_line(tick: int, limit_w: float = 5000.0) -> str:
    return f"SIM:TICK {tick},0.1,4000.0,1.01,49.99;:SOUR:POW:LIM {limit_w};:SIM:STEP?"


class Transcript:
    """A link that knows what will be said, and says back what is written."""

    def __init__(self, *lines: tuple[str, str | BenchError | None]) -> None:
        self._lines, self.dropped, self.closed = list(lines), 0, False

    def _next(self, message: str) -> str:
        expected, reply = self._lines.pop(0)
        assert message == expected
        if isinstance(reply, BenchError):
            raise reply
        return reply or ""

    def write(self, message: str) -> None:
        assert self._next(message) == ""

    def query(self, message: str) -> str:
        return self._next(message)

    exchange = query

    def drop(self) -> None:
        self.dropped += 1

    def close(self) -> None:
        self.closed = True

    def assert_finished(self) -> None:
        assert self._lines == []
        assert self.closed


def inverter(*lines: tuple[str, str | BenchError | None]) -> tuple[ScpiInverter, Transcript]:
    link = Transcript(*lines)
    return ScpiInverter(link, name="roof", p_rated_kw=5.0), link


def stepping(*lines: tuple[str, str | BenchError | None]) -> tuple[ScpiInverter, Transcript]:
    driver, link = inverter(BEGIN, *lines)
    driver.begin_lockstep(0.1)
    return driver, link


def test_limit_is_confirmed_and_released():
    driver, link = inverter(SAFE, ("SOUR:POW:LIM 2500.0;:SOUR:POW:LIM?", "2500.0"), SAFE)
    with driver as roof:
        roof.limit_power(2.5)
    link.assert_finished()


@pytest.mark.parametrize("p_kw", [-0.001, 5.001, float("inf"), float("nan")])
def test_limit_outside_the_rating_is_never_sent(p_kw):
    driver, _ = inverter()
    with pytest.raises(SetpointError, match=r"roof: .* is outside 0 to 5.0 kW; nothing was sent"):
        driver.limit_power(p_kw)


def test_limit_that_reads_back_differently_is_an_error():
    driver, _ = inverter(("SOUR:POW:LIM 2500.0;:SOUR:POW:LIM?", "2400"))
    with pytest.raises(SetpointError, match=r"asked for 2.5 kW, device holds 2.4 kW"):
        driver.limit_power(2.5)


@pytest.mark.parametrize("end", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_limit_is_released_however_the_block_ends(end):
    driver, link = inverter(SAFE, SAFE)
    with pytest.raises(type(end)), driver:
        raise end
    link.assert_finished()


def test_a_device_that_cannot_be_made_safe_does_not_hide_what_ended_the_block():
    driver, link = inverter(SAFE, (SAFE[0], LinkError("roof: gone")))
    with pytest.raises(KeyboardInterrupt) as ended, driver:
        raise KeyboardInterrupt
    assert ended.value.__notes__ == ["roof may not be in its safe state: roof: gone"]
    link.assert_finished()


def test_a_device_that_cannot_be_made_safe_is_an_error_of_its_own():
    driver, link = inverter(SAFE, (SAFE[0], LinkError("roof: gone")))
    with pytest.raises(LinkError, match="gone"), driver:
        pass
    link.assert_finished()


def test_readings_come_in_kilowatts():
    driver, _ = inverter((MEASURE, "1.5E3;-250;12500;WAIT"))
    assert driver.measure() == InverterReading(1.5, -0.25, True, "waiting", -1, 12.5)


@pytest.mark.parametrize(
    "reply",
    ["9.91E37;0;0;RUN", "-9.9E37;0;0;RUN", "nan;0;0;RUN", "1_0;0;0;RUN", "1;2;3;HOT", "", ";;;"],
)
def test_a_reading_that_is_none_is_refused_and_the_connection_distrusted(reply):
    driver, link = inverter((MEASURE, reply))
    with pytest.raises(DeviceError, match="roof: answered"):
        driver.measure()
    assert link.dropped == 1


def test_a_tick_is_one_question_and_one_answer():
    driver, link = stepping(
        (tick_line(0), "0,3900.0,-10.0,RUN,5000.0"), (tick_line(1), "1,0.0,0.0,TRIP,5000.0")
    )
    assert driver.tick(4.0, 5.0, 1.01, 49.99)[:5] == (3.9, -0.01, False, "running", 0)
    assert driver.tick(4.0, 5.0, 1.01, 49.99)[:5] == (0.0, 0.0, True, "tripped", 1)
    assert link.dropped == 0


def test_a_tick_whose_answer_was_lost_is_asked_for_once_more():
    driver, _ = stepping(
        (tick_line(0), LinkError("nothing within 1 s")), (tick_line(0), "0,3900.0,0.0,RUN,5000.0")
    )
    assert driver.tick(4.0, 5.0, 1.01, 49.99).tick == 0


def test_a_tick_lost_twice_is_an_error():
    lost = tick_line(0), LinkError("nothing within 1 s")
    driver, _ = stepping(lost, lost)
    with pytest.raises(LinkError):
        driver.tick(4.0, 5.0, 1.01, 49.99)


@pytest.mark.parametrize(
    "reply", ["1,1,1,RUN,5000", "-1,9.91E37,9.91E37,RUN,0", "0,1,1,RUN", "00,"]
)
def test_an_answer_to_another_tick_is_refused(reply):
    driver, link = stepping((tick_line(0), reply), ("SYST:ERR?", '-221,"Settings conflict"'))
    with pytest.raises(DeviceError, match=r"tick 0 was answered with .*Settings conflict"):
        driver.tick(4.0, 5.0, 1.01, 49.99)
    assert link.dropped == 1


def test_a_limit_not_taken_within_a_tick_is_an_error():
    driver, _ = stepping((tick_line(0), "0,1,1,RUN,4000.0"))
    with pytest.raises(SetpointError, match=r"asked for 5.0 kW, device holds 4.0 kW"):
        driver.tick(4.0, 5.0, 1.01, 49.99)


@pytest.mark.parametrize(
    "inputs",
    [
        (4.0, 5.1, 1.0, 50.0),
        (-1.0, 5.0, 1.0, 50.0),
        (float("nan"), 5.0, 1.0, 50.0),
        (4.0, 5.0, float("inf"), 50.0),
        (4.0, 5.0, 1.0, float("nan")),
    ],
)
def test_a_tick_with_impossible_inputs_is_never_sent(inputs):
    driver, _ = stepping()
    with pytest.raises(SetpointError, match="nothing was sent"):
        driver.tick(*inputs)


@pytest.mark.parametrize(
    "answer", [DeviceError("no answer to 'SIM:CLOC?'"), LinkError("nothing within 1 s"), "OWN"]
)
def test_a_device_with_a_clock_of_its_own_is_refused_in_lockstep(answer):
    driver, _ = inverter((BEGIN[0], answer))
    with pytest.raises(LockstepError, match=r"does not take the bench's clock .* real time"):
        driver.begin_lockstep(0.1)


def test_a_tick_before_lockstep_is_refused():
    driver, _ = inverter()
    with pytest.raises(LockstepError, match="begin_lockstep comes before"):
        driver.tick(4.0, 5.0, 1.01, 49.99)


@pytest.mark.parametrize("dt_s", [0.0, -0.1, float("inf"), float("nan")])
def test_a_tick_without_length_is_refused(dt_s):
    driver, _ = inverter()
    with pytest.raises(LockstepError, match="expected more than 0 s"):
        driver.begin_lockstep(dt_s)


def test_a_fault_that_the_device_does_not_know_is_an_error():
    driver, _ = inverter(
        ("*ESR?;:SIM:FAUL MELT;*ESR?", "0;16"),
        ("SYST:ERR?", '-224,"Illegal parameter value"'),
    )
    with pytest.raises(DeviceError, match="fault 'melt' was refused: -224"):
        driver.inject("melt")


def test_the_driver_has_the_capabilities_it_claims():
    driver, _ = inverter()
    assert isinstance(driver, Lockstep)
    assert isinstance(driver, Faulty)


number = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(str),
    st.sampled_from(["9.91E37", "", "1_0", "0x1", "1e999", " 5", "5 E1", "RUN"]),
)
reply = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    st.tuples(st.sampled_from(["0", "1", "-1"]), number, number, number, number).map(",".join),
    st.tuples(st.just("0"), number, number, st.just("RUN"), st.just("5000.0")).map(",".join),
)


@given(reply)
def test_any_answer_to_a_tick_is_right_or_refused(reply):
    # The answer may be anything; a reading comes out only of this tick's, with its limit.
    driver, _ = stepping((tick_line(0), reply), ("SYST:ERR?", "0"))
    try:
        reading = driver.tick(4.0, 5.0, 1.01, 49.99)
    except BenchError:
        return
    tick, p_w, q_var, state, limit_w = reply.split(",")
    p_w, q_var, limit_w = (float(text.replace(" ", "")) for text in (p_w, q_var, limit_w))
    assert (tick, state, limit_w) == ("0", "RUN", pytest.approx(5000.0, abs=1.0))
    assert (reading.p_kw, reading.q_kvar) == (p_w / 1000.0, q_var / 1000.0)
