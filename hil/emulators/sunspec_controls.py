"""What a SunSpec inverter is told beside curves: entering service, limits, start and stop.

Models 703, 704 and 715. The limit of 704 and that of ``SOUR:POW:LIM`` are one; its revert timer
counts the node's time.
"""

import math
from typing import Any, Protocol, runtime_checkable

from .inverter import EmulatedInverter
from .sunspec_points import Model

_OVER_EXCITED = 0
W_MAX, VAR_MAX, VA_MAX, VARS = 0, 1, 3, 4  # references of reactive power
_LIMIT = {"WMaxLimPctEna", "WMaxLimPct", "WMaxLimPctRvrtTms"}


@runtime_checkable
class Settable(Protocol):
    """An inverter whose functions can be set."""

    @property
    def functions(self) -> Any:
        """What it is set to."""

    def set_function(self, name: str, settings: dict[str, Any]) -> None:
        """Change some settings of one function."""


def functions_of(inverter: EmulatedInverter) -> Settable:
    """Who has functions.

    Raises
    ------
    ValueError
        Nobody.
    """
    if not isinstance(inverter, Settable):
        raise ValueError("no functions without a standard")
    return inverter


def reference_pu(inverter: EmulatedInverter, reference: float) -> float:
    """What a share of reactive power is of, by apparent power. [p.u.]

    Raises
    ------
    ValueError
        A reference that there is not.
    """
    params = inverter.params
    able = functions_of(inverter).functions.capability
    if reference == W_MAX:
        return params.p_rated_kw / params.s_kva
    if reference == VAR_MAX:
        return float(max(able.inject_pu))
    if reference == VA_MAX:
        return 1.0
    raise ValueError(f"reference {reference} of reactive power")


class Controls:
    """Models 703, 704 and 715 of one inverter.

    Parameters
    ----------
    inverter : EmulatedInverter
    """

    def __init__(self, inverter: EmulatedInverter) -> None:
        self.inverter = inverter
        shares = {"PF_SF": -3, "WMaxLimPct_SF": -2, "WSetPct_SF": -2, "VarSetPct_SF": -2}
        self.models = {
            703: Model(703, {"V_SF": -2, "Hz_SF": -3}),
            704: Model(704, {**shares, "WSet_SF": 0, "VarSet_SF": 0}),
            715: Model(715, {}),
        }
        self.show = {703: self._show_enter, 704: self._show_limits, 715: self._show_heart}
        self.take = {703: self._take_enter, 704: self._take_limits, 715: self._take_control}
        self._reverts_s = math.inf
        model = self.models[704]
        model.fill({name: 0.0 for name in model.points if _is_switch(name)})
        model.fill({"WMaxLimPct": 0.0, "WMaxLimPctEna": 1.0})
        model.fill({"WMaxLimPctRvrt": 0.0, "WMaxLimPctEnaRvrt": 1.0})
        model.fill({"PFWInj.PF": 1.0, "PFWInj.Ext": 1.0})
        model.fill({"VarSetMod": float(VA_MAX), "VarSetPct": 0.0, "VarSet": 0.0})
        self.models[715].fill({"LocRemCtl": 0.0, "ControllerHb": 0.0})
        self.models[715].fill({"AlarmReset": 0.0, "OpCtl": 1.0})
        self.models[703].fill({"ES": 1.0, "ESRndTms": 0.0})

    def _show_enter(self) -> None:
        """Fill model 703 with the window of entering service."""
        params = self.inverter.params
        vm_pu, f_hz, delay_s = params.enter_vm_pu, params.enter_f_hz, params.reconnect_delay_s
        ramp_s = 0.0
        if isinstance(self.inverter, Settable):
            enter = self.inverter.functions.enter_service
            vm_pu, f_hz, delay_s, ramp_s = enter.vm_pu, enter.f_hz, enter.delay_s, enter.ramp_s
        self.models[703].fill({"ESVLo": 100.0 * vm_pu[0], "ESVHi": 100.0 * vm_pu[1]})
        self.models[703].fill({"ESHzLo": f_hz[0], "ESHzHi": f_hz[1]})
        self.models[703].fill({"ESDlyTms": delay_s, "ESRmpTms": ramp_s})

    def _take_enter(self, names: set[str]) -> None:
        """Permit service or not, and set the window."""
        model = self.models[703]
        if "ES" in names:
            if model.get("ES") == 0.0:
                self.inverter.physics.trip()
            else:
                self.inverter.physics.clear()
        if names - {"ES", "ESRndTms"}:
            functions_of(self.inverter).set_function(
                "enter_service",
                {
                    "vm_pu": (model.get("ESVLo") / 100.0, model.get("ESVHi") / 100.0),
                    "f_hz": (model.get("ESHzLo"), model.get("ESHzHi")),
                    "delay_s": model.get("ESDlyTms"),
                    "ramp_s": model.get("ESRmpTms"),
                },
            )

    def _show_limits(self) -> None:
        """Fill model 704, where a limit that came another way differs from what it says."""
        inverter, model = self.inverter, self.models[704]
        if abs(self._limit_w() - inverter.limit_w) > 1e-4 * inverter.rated_w:
            model.put("WMaxLimPct", 100.0 * inverter.limit_w / inverter.rated_w)
            model.put("WMaxLimPctEna", 1.0)
        left_s = self._reverts_s - inverter.world.now_s
        model.put("WMaxLimPctRvrtRem", max(0.0, left_s) if math.isfinite(left_s) else 0.0)
        if isinstance(self.inverter, Settable):
            functions = self.inverter.functions
            model.put("PFWInjEna", float(functions.constant_pf.enabled))
            model.put("VarSetEna", float(functions.constant_q.enabled))

    def _limit_w(self) -> float:
        """Limit that model 704 says. [W]"""
        model = self.models[704]
        if model.get("WMaxLimPctEna") != 1.0:
            return self.inverter.rated_w
        return model.get("WMaxLimPct") / 100.0 * self.inverter.rated_w

    def _take_limits(self, names: set[str]) -> None:
        """Take what was written to model 704."""
        if any(self.models[704].get(name) == 1.0 for name in names & {"WSetEna", "PFWAbsEna"}):
            raise ValueError("it has neither a set active power nor absorbs any")
        if names & _LIMIT:
            limit_w = self._limit_w()
            if not 0.0 <= limit_w <= self.inverter.rated_w:
                raise ValueError(f"a limit of {limit_w} W")
            self.inverter.limit(limit_w)
            self._arm()
        if any(name.startswith("PFWInj") for name in names):
            self._take_power_factor("PFWInjEna" in names)
        if any(name.startswith("VarSet") for name in names):
            self._take_reactive("VarSetEna" in names)

    def _arm(self) -> None:
        """Start the revert timer of the limit anew, or stop it."""
        world, revert_s = self.inverter.world, self.models[704].get("WMaxLimPctRvrtTms")
        if not revert_s > 0.0:
            self._reverts_s = math.inf
            return
        self._reverts_s = due_s = world.now_s + revert_s

        def fall_back() -> None:
            if self._reverts_s == due_s:
                self._revert()

        world.at(due_s, fall_back)

    def _revert(self) -> None:
        """Fall back to the limit that was declared for it."""
        model, self._reverts_s = self.models[704], math.inf
        model.put("WMaxLimPctEna", model.get("WMaxLimPctEnaRvrt"))
        model.put("WMaxLimPct", model.get("WMaxLimPctRvrt"))
        self.inverter.limit_w = self._limit_w()
        self.inverter.report(-300, text="Revert timer: limit of model 704 reverted")

    def _take_power_factor(self, switched: bool) -> None:
        """Set a constant power factor."""
        model = self.models[704]
        excitation = "inject" if model.get("PFWInj.Ext") == _OVER_EXCITED else "absorb"
        settings: dict[str, Any] = {"cos_phi": model.get("PFWInj.PF"), "excitation": excitation}
        if switched:
            settings["enabled"] = model.get("PFWInjEna") == 1.0
        functions_of(self.inverter).set_function("constant_pf", settings)

    def _take_reactive(self, switched: bool) -> None:
        """Set a constant reactive power."""
        model, s_va = self.models[704], 1000.0 * self.inverter.params.s_kva
        reference = model.get("VarSetMod")
        share = model.get("VarSetPct") / 100.0
        if reference == VARS:
            q_pu = model.get("VarSet") / s_va
        else:
            q_pu = share * reference_pu(self.inverter, reference)
        settings: dict[str, Any] = {"q_pu": q_pu}
        if switched:
            settings["enabled"] = model.get("VarSetEna") == 1.0
        functions_of(self.inverter).set_function("constant_q", settings)

    def _show_heart(self) -> None:
        """Count the seconds of its life."""
        self.models[715].put("DERHb", float(int(self.inverter.world.now_s)))

    def _take_control(self, names: set[str]) -> None:
        """Stop and start, and forget alarms."""
        model = self.models[715]
        if "AlarmReset" in names and model.get("AlarmReset") == 1.0:
            self.inverter.clear_faults()
            model.put("AlarmReset", 0.0)
        if "OpCtl" in names:
            if model.get("OpCtl") == 0.0:
                self.inverter.physics.trip()
            elif model.get("OpCtl") == 1.0:
                self.inverter.physics.clear()
            else:
                raise ValueError("no standby")


def _is_switch(name: str) -> bool:
    """Whether a point of 704 switches something, or counts its time."""
    return name.endswith(("Ena", "EnaRvrt", "RvrtTms", "RvrtRem"))
