"""How a simulator that was made beforehand takes its place in a mosaik world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mosaik_api_v3


class Hosted(mosaik_api_v3.Simulator):  # type: ignore[misc]  # mosaik's API is untyped
    """Stands for a box or a bundle; mosaik makes its simulators itself, without arguments."""

    def __init__(self) -> None:
        super().__init__({"type": "hybrid", "models": {}})

    def init(
        self, sid: str, time_resolution: float = 1.0, *, box: Any, options: Mapping[str, Any]
    ) -> Any:
        """Take what was made, and what its own `init` wants."""
        self._box = box
        return box.init(sid, time_resolution, **options)

    def create(self, num: int, model: str, **params: Any) -> Any:
        return self._box.create(num, model, **params)

    def setup_done(self) -> Any:
        return self._box.setup_done()

    def step(self, time: int, inputs: Any, max_advance: int) -> Any:
        return self._box.step(time, inputs, max_advance)

    def get_data(self, outputs: Any) -> Any:
        return self._box.get_data(outputs)

    def finalize(self) -> Any:
        return self._box.finalize()
