"""`peerwatt emulate`: an instrument at the address it prints, until Ctrl-C."""

import re
import signal
import socket
import subprocess
import sys

import pytest

EMULATE = (sys.executable, "-c", "from cosim.cli import main; main()", "emulate")


def test_an_emulator_serves_at_the_address_it_prints_and_ends_with_ctrl_c():
    words = ["grid-simulator", "--hislip-port", "0", "--serial", "G1", "--settings", "v_max_v=250"]
    process = subprocess.Popen(
        [*EMULATE, *words, "--fault", "3600:delay:0.5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts the tests in the background has them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        try:
            assert process.stdout is not None
            raw, hislip = process.stdout.readline(), process.stdout.readline()
            found = re.fullmatch(r"address: TCPIP0::127\.0\.0\.1::(\d+)::SOCKET\n", raw)
            assert found
            assert re.fullmatch(r"address: TCPIP0::127\.0\.0\.1::hislip0,\d+::INSTR\n", hislip)
            with socket.create_connection(("127.0.0.1", int(found[1])), timeout=20) as client:
                client.sendall(b"*IDN?;:VOLT? MAX\n")
                assert client.recv(100) == b"Peerwatt,Emulated grid-simulator,G1,1;250.0\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
            assert process.stderr is not None
            assert process.stderr.read() == "ended\n"
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["toaster"], "no role 'toaster'; known: inverter"),
        (["load", "--settings", "p_max"], "--settings 'p_max': expected NAME=VALUE"),
        (["load", "--settings", "p_maxkw=3"], "no setting 'p_maxkw'; nearest: p_max_kw"),
        (["load", "--fault", "soon:trip"], "--fault 'soon:trip': expected S:FAULT[:VALUES]"),
        (["load", "--fault", "1:melt"], "no fault 'melt'; known: drop"),
        (["load", "--sunspec-port", "0"], "only an inverter speaks SunSpec"),
    ],
)
def test_what_cannot_be_emulated_is_told(words, told, capsys):
    from cosim.cli import app

    with pytest.raises(SystemExit) as left:
        app(["emulate", *words], standalone_mode=False)
    assert left.value.code == 2
    assert told in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(capsys):
    from cosim.cli import app

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit) as left:
            app(["emulate", "load", "--port", port], standalone_mode=False)
    assert left.value.code == 2
    assert "address already in use" in capsys.readouterr().err
