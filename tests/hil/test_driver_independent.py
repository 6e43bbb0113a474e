"""A device that none of us wrote the server of, through the generic driver and a table alone."""

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("sinstruments")

from hil.drivers.opening import open_device
from hil.errors import SetpointError
from hil.station import Limits, StationDevice

DEVICE = """
import sys
from sinstruments.simulator import BaseDevice, Server


class AcmeLoad(BaseDevice):
    # One command a line, amounts in kilowatts with their unit, "1"/"0" for its input.
    level, closed = 0.0, False

    def handle_message(self, message):
        words = message.decode().strip().split(" ")
        drawn = self.level if self.closed else 0.0
        if words[0] == "DEM":
            self.level = float(words[1])
        elif words[0] == "INP":
            self.closed = words[1] == "CLOSED"
        answers = {
            "*IDN?": "Acme,Load 5,4711,2.0",
            "DEM?": f"{self.level:.3f} kW",
            "INP?": "CLOSED" if self.closed else "OPEN",
            "ALL?": f"{drawn:.3f},0.0,230.1,{drawn * 1000 / 230.1:.3f},50.02",
        }
        if words[0] in answers:
            return (answers[words[0]] + "\\n").encode()


server = Server(
    devices=[
        {
            "name": "load",
            "class": "AcmeLoad",
            "package": "__main__",
            "transports": [{"type": "tcp", "url": "127.0.0.1:0"}],
        }
    ]
)
tasks = server.start()
import gevent

gevent.sleep(0.05)
print(server.devices["load"].transports[0].address[1], flush=True)
gevent.joinall(tasks)
"""

TABLE = """\
dialect: acme-load
about: A load of Acme's.
source: this test
verified: true
speaks: {proof: fresh, compound: false, errors: null}
roles:
  load:
    set:
      demand_kw: {send: "DEM {value}", ask: "DEM?", unit: kW, suffix: kW, tolerance: 0.001}
      output: {send: "INP {value}", ask: "INP?", words: {CLOSED: 1, OPEN: 0}}
    read:
      p_kw: {ask: "ALL?", fields: 5, field: 0, unit: kW, sign: -1}
      q_kvar: {ask: "ALL?", fields: 5, field: 1, unit: kvar}
      vm_v: {ask: "ALL?", fields: 5, field: 2, unit: V}
      i_a: {ask: "ALL?", fields: 5, field: 3, unit: A}
      f_hz: {ask: "ALL?", fields: 5, field: 4, unit: Hz}
"""


@pytest.fixture(scope="module")
def port():
    script = textwrap.dedent(DEVICE)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as server:
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


@pytest.mark.parametrize("proof", ["fresh", "none"])
def test_an_independent_device_works_by_a_command_table_alone(port, tmp_path, proof):
    table = tmp_path / "acme.yaml"
    table.write_text(TABLE.replace("proof: fresh", f"proof: {proof}"))
    device = StationDevice(
        name="bank",
        role="load",
        driver="scpi",
        table=table,
        phase="a",
        p_rated_kw=5.0,
        s_rated_kva=5.0,
        expected_identity="Acme,Load 5,4711,2.0",
        limits=Limits(p_min_kw=-5.0),
    )
    load = open_device(device, f"TCPIP0::127.0.0.1::{port}::SOCKET")
    load.make_safe()
    load.set_demand(2.5)
    load.energise(True)
    seen = load.measure()
    assert (seen.p_kw, seen.vm_v, seen.f_hz) == (-2.5, (230.1,), 50.02)
    assert seen.i_a == pytest.approx((2500 / 230.1,), abs=0.001)
    with pytest.raises(SetpointError, match="nothing was sent"):
        load.set_demand(5.1)
    load.make_safe()
    assert load.measure().p_kw == 0.0
    load.close()
