"""An emulated inverter as a SunSpec device: models 1, 701 to 706, 711 and 715 at 40000.

Curves and controls (703, 705, 706, 711), power factor and reactive power (704) can be set where
the inverter has a standard's functions; without, 703 tells its window, writing there is
refused, and 705, 706 and 711 are missing.
"""

import math
from collections.abc import Callable, Sequence

from .inverter import EmulatedInverter
from .modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, ModbusError
from .scpi import ScpiError
from .sunspec_controls import Controls, Settable
from .sunspec_curves import Curves
from .sunspec_points import Model

BASE = 40_000
_MARK, _END = (0x5375, 0x6E53), (0xFFFF, 0)
_STARTING, _RUNNING, _THROTTLED, _STANDBY = 2, 3, 4, 7  # InvSt of model 701
_GRID_DISCONNECT = 1 << 4  # Alrm of model 701
_PLAIN_MODES = 0b1  # CtrlModes of model 702: limit
_MODES = 0b110_0011_1101  # limit, Q, power factor, volt-var, droop, watt-var, volt-watt
_PER_PHASE = ("L1", "L2", "L3")


class SunSpecInverter:
    """Registers of one emulated inverter.

    Parameters
    ----------
    inverter : EmulatedInverter
    """

    def __init__(self, inverter: EmulatedInverter) -> None:
        self.inverter = inverter
        rated_w, s_va = inverter.rated_w, 1000.0 * inverter.params.s_kva
        # The finest factor with which half as much again still fits 16 bits.
        power = math.ceil(math.log10(max(1.5 * max(rated_w, s_va), 1.0) / 32_767.0))
        powers = {"W_SF": power, "VA_SF": power, "Var_SF": power}
        rated = {**powers, "PF_SF": -3, "V_SF": -1, "A_SF": -1, "S_SF": 0}
        measured = {**powers, "A_SF": -2, "V_SF": -1, "Hz_SF": -3, "PF_SF": -3}
        measured |= {"TotWh_SF": 0, "TotVarh_SF": 0, "Tmp_SF": 0}
        parts: list[Controls | Curves] = [Controls(inverter)]
        if isinstance(inverter, Settable):
            parts.append(Curves(inverter))
        models = {1: Model(1, {}), 701: Model(701, measured), 702: Model(702, rated)}
        self._show: dict[int, Callable[[], None]] = {
            1: self._show_nameplate,
            701: self._show_measured,
        }
        self._take: dict[int, Callable[[set[str]], None]] = {}
        for part in parts:
            models |= part.models
            self._show |= part.show
            self._take |= part.take
        self._models = dict(sorted(models.items()))
        self._starts: dict[int, int] = {}
        self._length = len(_MARK)
        for number, model in self._models.items():
            self._starts[number] = self._length
            self._length += len(model.words)
        self._length += len(_END)
        self._show_ratings()

    def read(self, address: int, count: int) -> Sequence[int]:
        """Give registers, as things stand now.

        Raises
        ------
        ModbusError
            Outside of them.
        """
        offset = address - BASE
        if offset < 0 or offset + count > self._length:
            raise ModbusError(ILLEGAL_ADDRESS)
        self.inverter.world.catch_up()
        words = [*_MARK]
        for number, model in self._models.items():
            start = self._starts[number]
            if start < offset + count and offset < start + len(model.words):
                self._show.get(number, _nothing)()
            words += model.words
        return [*words, *_END][offset : offset + count]

    def write(self, address: int, words: Sequence[int]) -> None:
        """Set points of one model, all of them or none.

        Raises
        ------
        ModbusError
            For points that cannot be written, and values that are refused.
        """
        self.inverter.world.catch_up()
        for number, model in self._models.items():
            offset = address - BASE - self._starts[number]
            if not 0 <= offset <= len(model.words) - len(words):
                continue
            names = model.touched(offset, len(words))
            if names is None:
                break
            before = list(model.words)
            model.words[offset : offset + len(words)] = words
            try:
                self._take.get(number, _refuse)(names)
            except (ScpiError, ValueError) as refusal:
                model.words = before
                raise ModbusError(ILLEGAL_VALUE) from refusal
            return
        raise ModbusError(ILLEGAL_ADDRESS)

    def _show_nameplate(self) -> None:
        """Fill model 1 from the identity."""
        maker, kind, serial, firmware = (*self.inverter.identify().split(","), *4 * ("",))[:4]
        self._models[1].fill({"Mn": maker, "Md": kind, "SN": serial, "Vr": firmware, "DA": 1.0})

    def _show_ratings(self) -> None:
        """Fill model 702."""
        inverter = self.inverter
        s_va, v_v = 1000.0 * inverter.params.s_kva, inverter.world.v_nominal_v
        q_var = s_va
        if isinstance(inverter, Settable):
            able = inverter.functions.capability
            q_var = s_va * max(*able.inject_pu, *able.absorb_pu)
        amps = s_va / (len(inverter.phases) * v_v)
        for suffix in ("Rtg", ""):
            self._models[702].fill(
                {
                    f"WMax{suffix}": inverter.rated_w,
                    f"VAMax{suffix}": s_va,
                    f"VarMaxInj{suffix}": q_var,
                    f"VarMaxAbs{suffix}": q_var,
                    f"VNom{suffix}": v_v,
                    f"AMax{suffix}": amps,
                },
            )
        modes = _MODES if isinstance(inverter, Settable) else _PLAIN_MODES
        self._models[702].put("CtrlModes", float(modes))

    def _show_measured(self) -> None:
        """Fill model 701."""
        inverter, world = self.inverter, self.inverter.world
        p_w = inverter.value_shown("p", inverter.power()[0])
        q_var = inverter.value_shown("q", inverter.power()[1])
        v_v = inverter.value_shown("v", world.seen_pu(inverter.phases) * world.v_nominal_v)
        s_va, n = math.hypot(p_w, q_var), len(inverter.phases)
        amps = s_va / (n * v_v) if v_v > 1.0 else 0.0
        factor = p_w / s_va if s_va > 0.0 else 1.0
        state, energy_wh = inverter.state(), 1000.0 * inverter.physics.energy_kwh
        throttled = inverter.limit_w < min(inverter.rated_w, 1000.0 * inverter.available_kw)
        running = float(_THROTTLED if throttled else _RUNNING)
        of_state = {"RUN": running, "WAIT": float(_STARTING), "TRIP": float(_STANDBY)}
        values: dict[str, float | str | None] = {
            "ACType": 0.0 if n == 1 else 2.0,
            "St": 1.0,
            "InvSt": of_state[state],
            "ConnSt": float(state == "RUN"),
            "Alrm": 0.0 if state == "RUN" else float(_GRID_DISCONNECT),
            "DERMode": 1.0,
            "W": p_w,
            "VA": s_va,
            "Var": q_var,
            "PF": factor,
            "A": n * amps,
            "LLV": math.sqrt(3.0) * v_v if n == 3 else None,
            "LNV": v_v,
            "Hz": inverter.value_shown("f", world.f_hz),
            "TotWhInj": max(0.0, energy_wh),
            "TotWhAbs": 0.0,
            "ThrotPct": 100.0 * inverter.limit_w / inverter.rated_w,
            "ThrotSrc": float(throttled),
        }
        for phase, name in enumerate(_PER_PHASE):
            if phase in inverter.phases:
                values |= {f"W{name}": p_w / n, f"VA{name}": s_va / n, f"Var{name}": q_var / n}
                values |= {f"PF{name}": factor, f"A{name}": amps, f"V{name}": v_v}
        self._models[701].fill(values)


def _nothing() -> None:
    """Show nothing: what stands in the model holds."""


def _refuse(names: set[str]) -> None:
    """Refuse to write to a model that has nothing to set."""
    raise ValueError(", ".join(sorted(names)))
