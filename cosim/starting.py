"""How a box that was made beforehand takes its place in a mosaik world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mosaik_api_v3

from .box import Box, Inputs


class Hosted(mosaik_api_v3.Simulator):  # type: ignore[misc]  # mosaik's API is untyped
    """Hands every call of mosaik on to a box; mosaik makes its simulators itself."""

    def __init__(self) -> None:
        super().__init__({"type": "hybrid", "models": {}})

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        box: Box,
        options: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Take the box and what its own `init` wants."""
        self._box = box
        meta: dict[str, Any] = box.init(sid, time_resolution, **options)
        return meta

    def create(self, num: int, model: str, **params: Any) -> list[dict[str, Any]]:
        return self._box.create(num, model, **params)

    def setup_done(self) -> None:
        self._box.setup_done()

    def step(self, time: int, inputs: Inputs, max_advance: int) -> int | None:
        return self._box.step(time, inputs, max_advance)

    def get_data(self, outputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return self._box.get_data(outputs)

    def finalize(self) -> None:
        self._box.finalize()
