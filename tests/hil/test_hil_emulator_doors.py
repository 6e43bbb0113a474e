"""An emulator's other doors, HiSLIP and SunSpec Modbus, by independent clients in a process."""

import contextlib
import socket
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from hil.emulated_bench import EmulatorProcess

# pysunspec2 is an extra; so a checkout without it runs what needs only pyvisa.
client = pytest.importorskip("sunspec2.modbus.client")

HISLIP = struct.Struct("!2sBBIQ")


def node(**settings: object) -> dict[str, Any]:
    given = {"p_rated_kw": 5.0, "s_kva": 5.0, "response_s": 0.0, **settings}
    doors = {"port": 0, "hislip_port": 0, "sunspec_port": 0}
    inverter = {"name": "roof", "role": "inverter", "settings": given, **doors}
    return {"world": {"f_nominal_hz": 60.0}, "instruments": [inverter]}


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    document = node(standard="ieee1547-2018-b-ii")
    with EmulatorProcess(document, name="functional") as process:
        yield process.ports()["roof"]


@pytest.fixture(scope="module")
def plain() -> Iterator[dict[str, int]]:
    with EmulatorProcess(node(), name="plain") as process:
        yield process.ports()["roof"]


class Wire:
    """The raw socket, for what a test orders beside the door that it tests."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", ports["socket"]), timeout=20)
        self._file = self._socket.makefile("rb")

    def ask(self, line: str) -> str:
        self._socket.sendall(f"{line}\n".encode())
        return self._file.readline().decode().strip()

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def wire(ports: dict[str, int]) -> Iterator[Wire]:
    with contextlib.closing(Wire(ports)) as opened:
        opened.ask("SIM:FAUL:CLE;*RST;*CLS;:SIM:CLOC:WALL;BEG;:SIM:SURR 4000,1,60;*OPC?")
        yield opened


@pytest.fixture
def device(ports: dict[str, int]) -> Iterator[Any]:
    opened = scanned(ports)
    try:
        yield opened
    finally:
        opened.disconnect()  # it leaves its socket open after a read that failed


def scanned(ports: dict[str, int]) -> Any:
    opened = client.SunSpecModbusClientDeviceTCP(
        slave_id=1, ipaddr="127.0.0.1", ipport=ports["sunspec"], timeout=20
    )
    opened.scan()
    return opened


@pytest.fixture
def hislip(ports: dict[str, int]) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyvisa

        manager = pyvisa.ResourceManager("@py")
        resource = manager.open_resource(
            f"TCPIP0::127.0.0.1::hislip0,{ports['hislip']}::INSTR", read_termination="\n"
        )
        resource.timeout = 20_000
        with contextlib.closing(resource):
            yield resource


def test_a_sunspec_client_finds_all_models(device):
    models = [number for number in device.models if isinstance(number, int)]
    assert models == [1, 701, 702, 703, 704, 705, 706, 711, 715]
    common = device.common[0]
    assert (common.Mn.value, common.Md.value) == ("Peerwatt", "Emulated inverter")
    assert common.SN.value == "roof"
    ratings = device.models[702][0]
    assert (ratings.WMaxRtg.cvalue, ratings.VAMaxRtg.cvalue) == (5000.0, 5000.0)
    assert (ratings.VNomRtg.cvalue, ratings.VarMaxInjRtg.cvalue) == (230.0, 2200.0)


def test_an_inverter_without_functions_has_no_curves_and_refuses_them(plain):
    with contextlib.closing(scanned(plain)) as device:
        models = [number for number in device.models if isinstance(number, int)]
        assert models == [1, 701, 702, 703, 704, 715]
        enter = device.models[703][0]
        assert (enter.ESVLo.cvalue, enter.ESVHi.cvalue, enter.ESDlyTms.cvalue) == (85, 110, 60)
        enter.ESDlyTms.cvalue = 10
        with pytest.raises(Exception, match="exception: 3"):
            enter.write()
        device.models[704][0].PFWInjEna.value = 1
        with pytest.raises(Exception, match="exception: 3"):
            device.models[704][0].write()


def test_what_sunspec_measures_is_what_scpi_measures(device, wire):
    wire.ask("POW:LIM 3000;:SIM:CLOC:ADV? 30")
    measured = device.models[701][0]
    measured.read()
    p_w, q_var, v_v, f_hz = map(
        float, wire.ask("MEAS:POW?;:MEAS:POW:REAC?;:MEAS:VOLT?;FREQ?").split(";")
    )
    assert measured.W.cvalue == pytest.approx(p_w, abs=1.0)
    assert measured.Var.cvalue == pytest.approx(q_var, abs=1.0)
    assert measured.LNV.cvalue == pytest.approx(v_v, abs=0.1)
    assert measured.Hz.cvalue == pytest.approx(f_hz, abs=0.001)
    assert (measured.InvSt.value, measured.ConnSt.value) == (4, 1)  # throttled
    assert measured.WL1.cvalue == pytest.approx(p_w / 3.0, abs=1.0)
    assert measured.TotWhInj.cvalue == pytest.approx(float(wire.ask("MEAS:ENER?")), abs=1.0)


def test_the_limit_is_one_whichever_way_it_comes(device, wire):
    limits = device.models[704][0]
    limits.read()
    limits.WMaxLimPctEna.value, limits.WMaxLimPct.cvalue = 1, 60.0
    limits.write()
    assert wire.ask("POW:LIM?") == "3000.0"
    wire.ask("POW:LIM 1250;*OPC?")
    limits.read()
    assert (limits.WMaxLimPctEna.value, limits.WMaxLimPct.cvalue) == (1, 25.0)
    limits.WMaxLimPctEna.value = 0
    limits.write()
    assert wire.ask("POW:LIM?") == "5000.0"


def test_a_limit_that_is_not_renewed_reverts(device, wire):
    limits = device.models[704][0]
    limits.read()
    limits.WMaxLimPct.cvalue, limits.WMaxLimPctRvrt.cvalue = 80.0, 10.0
    limits.WMaxLimPctEna.value = limits.WMaxLimPctEnaRvrt.value = 1
    limits.WMaxLimPctRvrtTms.cvalue = 20
    limits.write()
    wire.ask("SIM:CLOC:ADV? 15")
    limits.WMaxLimPct.cvalue = 70.0
    limits.write()
    wire.ask("SIM:CLOC:ADV? 15")
    limits.read()
    assert (limits.WMaxLimPctRvrtRem.cvalue, limits.WMaxLimPct.cvalue) == (5, 70.0)
    wire.ask("SIM:CLOC:ADV? 6")
    limits.read()
    assert (limits.WMaxLimPctRvrtRem.cvalue, limits.WMaxLimPct.cvalue) == (0, 10.0)
    assert wire.ask("POW:LIM?;:SYST:ERR?") == (
        '500.0;-300,"Revert timer: limit of model 704 reverted"'
    )


def test_a_limit_above_the_rating_is_refused_and_the_old_one_stays(device, wire):
    limits = device.models[704][0]
    wire.ask("POW:LIM 2000;*OPC?")
    limits.read()
    limits.WMaxLimPct.cvalue = 101.0
    with pytest.raises(Exception, match="exception: 3"):
        limits.write()
    assert wire.ask("POW:LIM?") == "2000.0"


def test_a_curve_is_written_adopted_and_switched_on(device, wire):
    # By hand: at 0.96 p.u. between 0.95 (30 %) and 0.98 (0 %) it injects 20 % of 5 kVA.
    curve = device.models[705][0]
    curve.read()
    for point, (v, q) in zip(
        curve.Crv[1].Pt, [(95, 30), (98, 0), (102, 0), (105, -30)], strict=True
    ):
        point.V.cvalue, point.Var.cvalue = v, q
    curve.Crv[1].RspTms.cvalue = 5.0
    curve.write()
    curve.AdptCrvReq.value, curve.Ena.value = 2, 1
    curve.write()
    curve.read()
    assert (curve.AdptCrvRslt.value, curve.Ena.value) == (1, 1)
    assert [point.V.cvalue for point in curve.Crv[0].Pt] == [95.0, 98.0, 102.0, 105.0]
    wire.ask("SIM:SURR 2000,0.96,60;:POW:LIM MAX;:SIM:CLOC:ADV? 60")
    assert float(wire.ask("MEAS:POW:REAC?")) == pytest.approx(1000.0, abs=1.0)


def test_a_curve_that_cannot_be_is_told_as_failed(device, wire):
    curve = device.models[706][0]
    before = wire.ask("SOUR:FUNC:VWAT?")
    curve.read()
    for point, (v, p) in zip(curve.Crv[1].Pt, [(110, 100), (106, 0)], strict=True):
        point.V.cvalue, point.W.cvalue = v, p
    curve.write()
    curve.AdptCrvReq.value = 2
    curve.write()
    curve.read()
    assert curve.AdptCrvRslt.value == 2
    assert wire.ask("SOUR:FUNC:VWAT?") == before


def test_the_curve_that_holds_cannot_be_written(device, wire):
    curve = device.models[705][0]
    curve.read()
    curve.Crv[0].Pt[0].V.cvalue = 90.0
    with pytest.raises(Exception, match="exception: 3"):
        curve.write()


def test_droop_power_factor_reactive_power_and_entering_service_are_set(device, wire):
    droop = device.models[711][0]
    droop.read()
    droop.Ctl[1].DbOf.cvalue, droop.Ctl[1].KOf.cvalue = 0.017, 0.03
    droop.write()
    droop.AdptCtlReq.value, droop.Ena.value = 2, 1
    droop.write()
    assert wire.ask("SOUR:FUNC:FDR?").startswith("ENABLED,1,DEAD_OVER_HZ,0.017")
    limits = device.models[704][0]
    limits.read()
    limits.PFWInjEna.value, limits.PFWInj.PF.cvalue, limits.PFWInj.Ext.value = 1, 0.9, 0
    limits.write()
    assert wire.ask("SOUR:FUNC:CPF?").startswith("ENABLED,1,COS_PHI,0.9,EXCITATION,INJECT")
    limits.read()
    limits.VarSetMod.value, limits.VarSet.cvalue = 4, -1000
    limits.write()
    limits.VarSetEna.value = 1
    limits.write()
    assert wire.ask("SOUR:FUNC:CQ?").startswith("ENABLED,1,Q_PU,-0.2")
    limits.read()
    assert limits.PFWInjEna.value == 0  # one function sets the reactive power
    enter = device.models[703][0]
    enter.read()
    enter.ESDlyTms.cvalue, enter.ESVLo.cvalue = 30, 91.0
    enter.write()
    assert wire.ask("SOUR:FUNC:ENT?").startswith("VM_PU,0.91,1.05,F_HZ,59.5,60.1,DELAY_S,30")


def test_the_heart_beats_and_an_operator_can_stop_and_start(device, wire):
    control = device.models[715][0]
    wire.ask("POW:LIM MAX;:SIM:CLOC:ADV? 7.5")
    control.read()
    assert (control.DERHb.value, control.LocRemCtl.value) == (7, 0)
    control.OpCtl.value = 0
    control.write()
    assert wire.ask("SIM:CLOC:ADV? 1;:SOUR:STAT?;:MEAS:POW?") == "8.5;TRIP;0.0"
    control.OpCtl.value = 1
    control.write()
    assert wire.ask("SIM:CLOC:ADV? 1;:SOUR:STAT?") == "9.5;WAIT"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"\x04\x9c\x40\x00\x01", 1),  # read input registers
        (b"\x03\x9c\x3f\x00\x01", 2),  # before the first
        (b"\x03\xff\xf0\x00\x40", 2),  # behind the last
        (b"\x03\x9c\x40\x00\x00", 3),  # none
        (b"\x03\x9c\x40\x00\x7e", 3),  # more than 125
        (b"\x06\x9c\x40\x00\x01", 2),  # the mark
        (b"\x10\x9c\x40\x00\x01\x03\x00\x00", 3),  # count and bytes differ
        (b"\x03", 3),
    ],
)
def test_a_modbus_request_that_cannot_be_is_refused(ports, request_, code):
    with socket.create_connection(("127.0.0.1", ports["sunspec"]), timeout=20) as raw:
        raw.sendall(struct.pack(">HHHB", 7, 0, 1 + len(request_), 1) + request_)
        assert raw.recv(64) == struct.pack(">HHHBBB", 7, 0, 3, 1, request_[0] | 0x80, code)


def test_what_is_no_modbus_is_cut_off(ports):
    with socket.create_connection(("127.0.0.1", ports["sunspec"]), timeout=20) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(64) == b""


def test_faults_of_replies_reach_modbus_too(device, wire):
    wire.ask("SIM:FAUL CLOSE;*OPC?")
    with pytest.raises(Exception, match="timeout"):
        device.models[701][0].read()


def test_pyvisa_talks_hislip(hislip, wire):
    assert hislip.query("*IDN?") == "Peerwatt,Emulated inverter,roof,1"
    assert hislip.query("POW:LIM 700;LIM?") == "700.0"
    hislip.write("FOO")
    assert hislip.read_stb() == 4  # error queue
    assert hislip.query("SYST:ERR?") == '-113,"Undefined header;FOO"'
    assert hislip.read_stb() == 0


def test_a_device_clear_forgets_an_answer_that_is_late(hislip, wire):
    wire.ask("SIM:FAUL DELAY,1,30;*OPC?")
    hislip.write("*IDN?")
    # The answer is on its way: message available.
    assert hislip.read_stb() & 16
    hislip.clear()
    assert hislip.query("*OPC?") == "1"
    assert hislip.read_stb() & 16 == 0


def test_an_answer_that_was_not_read_in_time_is_taken_back(hislip, wire):
    wire.ask("SIM:FAUL DELAY,1,30;*OPC?")
    hislip.write("*IDN?")
    assert hislip.query("POW:LIM?") == "0.0"
    assert hislip.query("SYST:ERR?") == '-410,"Query INTERRUPTED"'


def test_the_end_of_one_channel_ends_the_other(ports):
    with socket.create_connection(("127.0.0.1", ports["hislip"]), timeout=20) as first:
        first.sendall(HISLIP.pack(b"HS", 0, 0, 0x01007078, 7) + b"hislip0")
        _, kind, _, parameter, _ = HISLIP.unpack(first.recv(16, socket.MSG_WAITALL))
        assert (kind, parameter >> 16) == (1, 0x0100)
        with socket.create_connection(("127.0.0.1", ports["hislip"]), timeout=20) as second:
            second.sendall(HISLIP.pack(b"HS", 17, 0, parameter & 0xFFFF, 0))
            assert HISLIP.unpack(second.recv(16, socket.MSG_WAITALL))[1] == 18
        with contextlib.suppress(ConnectionResetError):
            assert first.recv(1) == b""


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (HISLIP.pack(b"XX", 0, 0, 0, 0), (2, 1)),  # no prologue
        (HISLIP.pack(b"HS", 7, 0, 0, 0), (2, 3)),  # data before the session
        (HISLIP.pack(b"HS", 17, 0, 999, 0), (2, 3)),  # no such session
    ],
)
def test_what_is_no_hislip_is_told_and_cut_off(ports, sent, answered):
    with socket.create_connection(("127.0.0.1", ports["hislip"]), timeout=20) as raw:
        raw.sendall(sent)
        assert HISLIP.unpack(raw.recv(16, socket.MSG_WAITALL))[1:3] == answered
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(64):
                pass


def test_a_hislip_message_of_megabytes_is_thrown_away_as_it_comes(ports, wire):
    with socket.create_connection(("127.0.0.1", ports["hislip"]), timeout=20) as raw:
        raw.sendall(HISLIP.pack(b"HS", 0, 0, 0x01007078, 7) + b"hislip0")
        raw.recv(16, socket.MSG_WAITALL)
        raw.sendall(HISLIP.pack(b"HS", 7, 0, 2, 8_000_000))
        for _ in range(8):
            raw.sendall(b"7" * 1_000_000)
        assert HISLIP.unpack(raw.recv(16, socket.MSG_WAITALL))[1:3] == (3, 4)
    assert wire.ask("*OPC?") == "1"
