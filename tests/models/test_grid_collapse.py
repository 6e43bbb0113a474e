"""Near voltage collapse the grid finds the upper solution, or says that there is none."""

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.grid.branch import largest_eigenvalue
from models.grid.power_flow import Grid, PowerFlowDiverged

R_OHM, X_OHM = 0.2, 0.1
Z_BASE = 0.4**2 / 1.0
Z = complex(R_OHM, X_OHM) / Z_BASE
"""Impedance of the two-bus line at 1 MVA. [p.u.]"""


def two_buses(*, held=False):
    net = pp.create_empty_network(sn_mva=1.0)
    source, end = (pp.create_bus(net, 0.4, name=name) for name in ("source", "end"))
    pp.create_ext_grid(net, source)
    pp.create_line_from_parameters(net, source, end, 1.0, R_OHM, X_OHM, 0.0, 1.0, name="line")
    if held:  # a voltage that is held elsewhere makes Newton the only way
        far = pp.create_bus(net, 0.4, name="far")
        pp.create_line_from_parameters(net, source, far, 1.0, R_OHM, X_OHM, 0.0, 1.0)
        pp.create_gen(net, far, p_mw=0.0, vm_pu=1.0)
    return net


def nose(s):
    """Both magnitudes at the end of the line, in closed form.

    V conj(V - 1) = S* ... with S the injection: |V|^4 - (1 + 2 Re(Z* S)) |V|^2 + |Z|^2 |S|^2 = 0.
    """
    b = 1 + 2 * (np.conj(Z) * s).real
    discriminant = b**2 - 4 * abs(Z) ** 2 * abs(s) ** 2
    if discriminant < 0 or b < 0:
        return None
    return np.sqrt((b + np.sqrt(discriminant)) / 2), np.sqrt((b - np.sqrt(discriminant)) / 2)


def limit(power_factor_angle):
    """Apparent load at the nose. [p.u.]"""
    of_one = 2 * (np.conj(Z) * np.exp(1j * power_factor_angle)).real
    return 1 / (2 * abs(Z) + of_one)


def solve(grid, s):
    p, q = np.zeros(grid.n_bus), np.zeros(grid.n_bus)
    p[1], q[1] = -s.real, -s.imag
    return grid.solve(p, q).vm_pu[1]


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("angle", [0.4, -0.9])
@pytest.mark.parametrize("share", [0.5, 0.999])
def test_up_to_the_nose_the_upper_voltage_is_found(share, angle, quick, held):
    load = share * limit(angle) * np.exp(1j * angle)
    grid = Grid.from_net(two_buses(held=held), quick=quick, keep_elements=True)

    assert solve(grid, load) == pytest.approx(nose(-load)[0], abs=1e-7)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("angle", [0.4, -0.9])
@pytest.mark.parametrize("share", [1.001, 3.0])
def test_beyond_the_nose_it_diverges_and_comes_back(share, angle, quick, held):
    load = limit(angle) * np.exp(1j * angle)
    grid = Grid.from_net(two_buses(held=held), quick=quick, keep_elements=True)

    with pytest.raises(PowerFlowDiverged, match="'end'"):
        solve(grid, share * load)

    assert solve(grid, 0.5 * load) == pytest.approx(nose(-0.5 * load)[0], abs=1e-8)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("quick", [False, True])
def test_a_start_at_the_lower_solution_never_ends_there_in_silence(quick, held):
    load = 0.6 * limit(0.2) * np.exp(0.2j)
    grid = Grid.from_net(two_buses(held=held), quick=quick, keep_elements=True)
    solve(grid, load)
    upper, lower = nose(-load)
    inner = grid.case.node_of_bus[1]
    solver = grid._solver
    # By hand: the angle at the end follows from V = |V|² - conj(Z) S, S = -load.
    lying = lower**2 + np.conj(Z) * load
    assert abs(lying) == pytest.approx(lower, abs=1e-12)
    solver.case.v_start[inner] = lying
    if not quick or held:  # sweeps begin at the last solution and need no other start
        solver.v[inner] = lying
        with pytest.raises(PowerFlowDiverged, match="beyond voltage collapse"):
            solve(grid, load)
        return
    assert solve(grid, load) == pytest.approx(upper, abs=1e-7)


@given(share=st.floats(0.01, 0.9999), angle=st.floats(-1.2, 1.2))
def test_the_eigenvalue_is_below_one_at_the_upper_solution_alone(share, angle):
    load = share * limit(angle) * np.exp(1j * angle)
    grid = Grid.from_net(TWO)
    s = np.zeros(2, dtype=np.complex128)
    s[grid.case.node_of_bus[1]] = -load
    eigenvalues = []
    for size in nose(-load):
        v = grid.case.v_start.copy()
        v[grid.case.node_of_bus[1]] = size
        eigenvalues.append(largest_eigenvalue(grid.case, v, s))

    assert eigenvalues[0] < 1 < eigenvalues[1]
    # The product of the two squared magnitudes is |Z S|², so the eigenvalues are each other's
    # inverse.
    assert eigenvalues[0] * eigenvalues[1] == pytest.approx(1, rel=1e-6)


TWO = two_buses()
