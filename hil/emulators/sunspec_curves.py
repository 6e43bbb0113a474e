"""Curves that a SunSpec inverter is told: volt-var, volt-watt and frequency droop.

Models 705, 706 and 711. Curve or control 1 is what holds now and cannot be written; 2 is
written, then adopted with ``AdptCrvReq`` or ``AdptCtlReq`` 2.
"""

from collections.abc import Callable

from .inverter import EmulatedInverter
from .scpi import ScpiError
from .sunspec_controls import VA_MAX, W_MAX, functions_of, reference_pu
from .sunspec_points import Model

_COMPLETED, _FAILED = 1, 2


class Curves:
    """Models 705, 706 and 711 of one inverter with functions.

    Parameters
    ----------
    inverter : EmulatedInverter
    """

    def __init__(self, inverter: EmulatedInverter) -> None:
        self.inverter = inverter
        curve = {"V_SF": -2, "DeptRef_SF": -2, "RspTms_SF": -1}
        self.models = {
            705: Model(705, curve, groups=2, corners=4),
            706: Model(706, curve, groups=2, corners=2),
            711: Model(711, {"Db_SF": -3, "K_SF": -4, "RspTms_SF": -1}, groups=2),
        }
        self.show: dict[int, Callable[[], None]] = {
            705: lambda: self._show_curve(705),
            706: lambda: self._show_curve(706),
            711: self._show_droop,
        }
        self.take: dict[int, Callable[[set[str]], None]] = {
            705: lambda names: self._take_curve(705, names),
            706: lambda names: self._take_curve(706, names),
            711: self._take_droop,
        }
        for number, model in self.models.items():
            kind = "Ctl" if number == 711 else "Crv"
            model.fill({"RvrtTms": 0.0, "RvrtRem": 0.0, f"N{kind}": 2.0})
            model.fill({f"Adpt{kind}Req": 1.0, f"Adpt{kind}Rslt": float(_COMPLETED)})
        self.models[705].put("NPt", 4.0)
        self.models[706].put("NPt", 2.0)
        for n in (1, 2):
            self._show_curve(705, n)
            self._show_curve(706, n)
            self._show_droop(n)

    def _show_curve(self, number: int, n: int = 1) -> None:
        """Fill a curve of volt-var or volt-watt with what holds now."""
        functions = functions_of(self.inverter).functions
        part = functions.volt_var if number == 705 else functions.volt_watt
        y_name, values = ("Var", part.q_pu) if number == 705 else ("W", part.p_pu)
        group: dict[str, float | str | None] = {
            "ActPt": float(len(values)),
            "DeptRef": float(VA_MAX if number == 705 else W_MAX),
            "RspTms": part.response_s,
            "ReadOnly": float(n == 1),
        }
        if number == 705:
            group |= {"Pri": 1.0, "VRef": 100.0, "VRefAuto": 100.0, "VRefAutoEna": 0.0}
            group["VRefAutoTms"] = 0.0
        for m, (v_pu, y_pu) in enumerate(zip(part.v_pu, values, strict=True), start=1):
            group |= {f"Pt{m}.V": 100.0 * v_pu, f"Pt{m}.{y_name}": 100.0 * y_pu}
        self.models[number].fill({f"Crv{n}.{name}": value for name, value in group.items()})
        self.models[number].fill({"Ena": float(part.enabled)})

    def _take_curve(self, number: int, names: set[str]) -> None:
        """Adopt a curve, and switch the function."""
        model = self.models[number]
        function = "volt_var" if number == 705 else "volt_watt"
        if any(name.startswith("Crv1.") for name in names):
            raise ValueError("curve 1 is read-only")
        if "AdptCrvReq" in names and model.get("AdptCrvReq") == 2.0:
            self._adopt(number, function)
        if "Ena" in names:
            functions_of(self.inverter).set_function(function, {"enabled": model.get("Ena") == 1.0})

    def _adopt(self, number: int, function: str) -> None:
        """Make curve 2 the one that holds; a curve that cannot be is told as failed."""
        model = self.models[number]
        y_name, key, corners = ("Var", "q_pu", 4) if number == 705 else ("W", "p_pu", 2)
        model.put("AdptCrvRslt", float(_FAILED))
        try:
            of = reference_pu(self.inverter, model.get("Crv2.DeptRef")) if number == 705 else 1.0
            points = range(1, corners + 1)
            settings = {
                "v_pu": tuple(model.get(f"Crv2.Pt{m}.V") / 100.0 for m in points),
                key: tuple(of * model.get(f"Crv2.Pt{m}.{y_name}") / 100.0 for m in points),
                "response_s": model.get("Crv2.RspTms"),
            }
            functions_of(self.inverter).set_function(function, settings)
        except (ScpiError, ValueError):
            return
        model.put("AdptCrvRslt", float(_COMPLETED))

    def _show_droop(self, n: int = 1) -> None:
        """Fill a control of frequency droop with what holds now."""
        droop = functions_of(self.inverter).functions.frequency_droop
        self.models[711].fill(
            {
                f"Ctl{n}.DbOf": droop.dead_over_hz,
                f"Ctl{n}.DbUf": droop.dead_under_hz,
                f"Ctl{n}.KOf": droop.droop_over,
                f"Ctl{n}.KUf": droop.droop_under,
                f"Ctl{n}.RspTms": droop.response_s,
                f"Ctl{n}.PMin": 0.0,
                f"Ctl{n}.ReadOnly": float(n == 1),
                "Ena": float(droop.enabled),
            },
        )

    def _take_droop(self, names: set[str]) -> None:
        """Adopt a control, and switch the function."""
        model = self.models[711]
        if any(name.startswith("Ctl1.") for name in names):
            raise ValueError("control 1 is read-only")
        if "AdptCtlReq" in names and model.get("AdptCtlReq") == 2.0:
            model.put("AdptCtlRslt", float(_FAILED))
            settings = {
                "dead_over_hz": model.get("Ctl2.DbOf"),
                "dead_under_hz": model.get("Ctl2.DbUf"),
                "droop_over": model.get("Ctl2.KOf"),
                "droop_under": model.get("Ctl2.KUf"),
                "response_s": model.get("Ctl2.RspTms"),
            }
            try:
                functions_of(self.inverter).set_function("frequency_droop", settings)
                model.put("AdptCtlRslt", float(_COMPLETED))
            except (ScpiError, ValueError):
                return
        if "Ena" in names:
            enabled = model.get("Ena") == 1.0
            functions_of(self.inverter).set_function("frequency_droop", {"enabled": enabled})
