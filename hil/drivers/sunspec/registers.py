"""A device's models, by `pysunspec2`'s definitions, over our own link.

`pysunspec2` has what takes years to collect, the definitions of all models and the types of
their points. Its own client is not used: it numbers no question, so that a late answer becomes
the next one's, and it never reconnects. Its scaled values are used only once the scale factor
is known to be there; without one it takes the bare number for the value.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sunspec2.modbus.client import SunSpecModbusClientDevice

from hil.errors import BenchError, DeviceError

from .link import ModbusLink

_MOST_MODELS = 100
_MOST_FACTOR = 10  # powers of ten, either way; SunSpec device information model 1.1, 4.2.1


class _Scanned(SunSpecModbusClientDevice):  # type: ignore[misc]  # pysunspec2 has no types
    """What `pysunspec2` knows of the device, as it reads and writes through our link."""

    def __init__(self, link: ModbusLink) -> None:
        super().__init__()
        self._link = link
        self.failure: BenchError | None = None
        self.base_addr_list = [link.base]

    def read(self, addr: float, count: float) -> bytes:
        """Read registers; its arithmetic gives floats."""
        try:
            return self._link.read_registers(int(addr), int(count))
        except BenchError as failure:
            self.failure = failure  # it catches everything while it scans
            raise


class SunSpecRegisters:
    """Points of a device's models, read and written by name.

    Parameters
    ----------
    link : ModbusLink
        Connected.

    Raises
    ------
    LinkError, DeviceError
        Its models could not be listed.
    """

    def __init__(self, link: ModbusLink) -> None:
        self.name, self._link = link.name, link
        self._device = self._scan()

    @property
    def models(self) -> tuple[int, ...]:
        """Numbers of the models that it has."""
        return tuple(number for number in self._device.models if isinstance(number, int))

    def read(self, model: int, names: Iterable[str]) -> dict[str, float | None]:
        """Read points of one model in one request where they fit, in their units.

        Returns
        -------
        dict of str to float or None
            None where the device does not have a point.

        Raises
        ------
        LinkError, DeviceError
            No answer; another model stands there now; a point has no scale factor.
        """
        found = self._model(model)
        points = [found.points[name] for name in names]
        read = {point.pdef["name"]: point for point in (*_factors(found, points), *points)}
        count = max(point.offset + point.len for point in read.values())
        if count > found.model_len + 2:
            raise DeviceError(
                f"{self.name}: model {model} ends after {found.model_len} registers; expected "
                f"{count - 2} at least"
            )
        data = self._link.read_registers(found.model_addr, count)
        if int.from_bytes(data[:2]) != model:
            self._link.drop()
            raise DeviceError(
                f"{self.name}: where model {model} stood now stands {int.from_bytes(data[:2])}"
            )
        for point in read.values():
            point.set_value(None)
            point.set_mb(data[2 * point.offset :][: 2 * point.len], dirty=False)
        return {point.pdef["name"]: self._scaled(model, point) for point in points}

    def between(self, model: int, first: str, last: str) -> list[str]:
        """Names of the points of a model from one to another."""
        return [point.pdef["name"] for point in _between(self._model(model), first, last)]

    def has(self, model: int, name: str) -> bool:
        """Whether the device had a value for a point when it was last read."""
        return self._model(model).points[name].value is not None

    def step(self, model: int, name: str) -> float:
        """What one count of a point is, by its scale factor as it was last read; in its unit."""
        point = self._model(model).points[name]
        return float(10.0 ** self._factor(model, point))

    def write(self, model: int, first: str, last: str, counts: Mapping[str, int]) -> None:
        """Write some points, and those between them as they were last read, at once.

        Parameters
        ----------
        model : int
        first, last : str
            Points with which the request begins and ends; all of them were read before.
        counts : mapping of str to int
            New values, in counts of their scale factor.
        """
        found = self._model(model)
        for name, count in counts.items():
            found.points[name].set_value(count)
        points = list(_between(found, first, last))
        data = b"".join(point.get_mb() for point in points)
        self._link.write_registers(found.model_addr + points[0].offset, data)

    def _scan(self) -> _Scanned:
        """List the models, without their values."""
        device, seen = _Scanned(self._link), 0

        def go_on(_: str) -> bool:
            nonlocal seen
            seen += 1
            return seen <= _MOST_MODELS

        try:
            device.scan(progress=go_on, connect=False, full_model_read=False)
        except Exception as failure:
            # What it makes of lengths that cannot be is not only an error of its own kinds.
            if device.failure is not None:
                raise device.failure from None
            raise DeviceError(f"{self.name}: its models cannot be listed: {failure!r}") from failure
        return device

    def _model(self, number: int) -> Any:
        """Find a model that the device has.

        Raises
        ------
        DeviceError
            It has none.
        """
        models = self._device.models.get(number)
        if not models:
            known = ", ".join(map(str, self.models))
            raise DeviceError(f"{self.name}: has no model {number}; it has {known}")
        return models[0]

    def _scaled(self, model: int, point: Any) -> float | None:
        """Give a point's value in its unit."""
        if point.value is None:
            return None
        self._factor(model, point)
        value = point.cvalue
        return value if value is None else float(value)

    def _factor(self, model: int, point: Any) -> int:
        """Give a point's scale factor; one that the device does not say is never taken for 0."""
        if not point.sf_required:
            return 0
        factor = point.sf_value if point.sf is None else point.model.points[point.sf].value
        if factor is None or abs(factor) > _MOST_FACTOR:
            name = point.pdef["name"]
            raise DeviceError(
                f"{self.name}: model {model} has {name} = {point.value}, but its scale factor "
                f"{point.sf} is {factor}; what it means is not known"
            )
        return int(factor)


def _factors(model: Any, points: Iterable[Any]) -> list[Any]:
    """Points that say the scale of others."""
    return [model.points[point.sf] for point in points if point.sf is not None]


def _between(model: Any, first: str, last: str) -> Iterator[Any]:
    """Points of a model from one to another."""
    began = False
    for name, point in model.points.items():
        began = began or name == first
        if began:
            yield point
        if name == last:
            return
