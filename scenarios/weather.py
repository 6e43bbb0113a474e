"""The sky over a scenario: the light on roofs whose modules are described, from file or formula."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.draws import keys
from models.pv.sky import NEEDS_PVLIB, HorizontalLight, Place, has_pvlib, plane_light

from .profiles import Floats, ProfileError, Table, read_table
from .schema_peers import PvSpec
from .schema_weather import WeatherSpec
from .seeds import generator

if TYPE_CHECKING:
    from models.pv.roofs import Clouds, PvRoofs

    from .peers import Peer
    from .resolve import ResolvedScenario
    from .schema import Scenario

GHI, DNI, DHI, AIR, WIND = "ghi_w_per_m2", "dni_w_per_m2", "dhi_w_per_m2", "air_c", "wind_m_per_s"
_PLAUSIBLE = {
    GHI: (0.0, 2000.0),
    DNI: (0.0, 1500.0),
    DHI: (0.0, 1500.0),
    AIR: (-60.0, 60.0),
    WIND: (0.0, 100.0),
}
"""What a column may hold; a logger's −999 is none of it."""


def sky(scenario: Scenario) -> WeatherSpec:
    """Give the scenario's weather, or the middle of Germany under a clear sky."""
    return scenario.weather or WeatherSpec()


def roofs(resolved: ResolvedScenario, start: dt.datetime, end: dt.datetime) -> PvRoofs | None:
    """Make all roofs whose modules are described, with the light of a stretch of time.

    Parameters
    ----------
    resolved : ResolvedScenario
    start, end : datetime
        They are rounded to quarter hours, outwards.

    Returns
    -------
    PvRoofs or None
        In the order of `roofed`; None where no modules are described.
    """
    own = [resolved.peers[place] for place in roofed(resolved.peers)]
    if not own:
        return None
    from models.pv.roofs import PvRoofs

    weather = sky(resolved.scenario)
    start_s, end_s = _quarters(start, end)
    table = weather_table(weather, resolved.file.parent)
    planes = [peer.roof.plane for peer in own if peer.roof]
    measured = None if table is None else _measured(table)
    light = plane_light(planes, _place(weather), start_s, end_s, measured)
    return PvRoofs(
        [peer.roof for peer in own if peer.roof],
        light,
        air_c=_track(table, AIR, weather.air_c, light.unix_s),
        wind_m_per_s=_track(table, WIND, weather.wind_m_per_s, light.unix_s),
        keys=keys(generator(resolved.seed, "peer", peer.name, "clouds") for peer in own),
        clouds=_clouds(resolved, weather),
    )


def roofed(peers: Sequence[Peer]) -> list[int]:
    """Positions of peers whose modules are described."""
    return [place for place, peer in enumerate(peers) if peer.roof is not None]


def roof_quarters_kw(
    resolved: ResolvedScenario, start: dt.datetime, end: dt.datetime
) -> Floats | None:
    """Mean of what every roof offers, for every quarter hour that is touched. [kW]"""
    found = roofs(resolved, start, end)
    start_s, end_s = _quarters(start, end)
    return None if found is None else found.quarters_kw(start_s, (end_s - start_s) // 900)


def weather_faults(
    scenario: Scenario,
    base: Path,
    span: tuple[dt.datetime, dt.datetime],
    *,
    installed: Callable[[], bool] = has_pvlib,
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Find what keeps light from falling on roofs: keys at fault, and why."""
    described = [place for place, peer in enumerate(scenario.peers) if _modules(peer.pv)]
    if described and not installed():
        yield ("peers", described[0], "pv", "modules"), NEEDS_PVLIB
    try:
        table = weather_table(sky(scenario), base)
        if table is not None:
            _check(table, *_quarters(*span))
    except ProfileError as error:
        yield ("weather", "file"), str(error)


def weather_table(weather: WeatherSpec, base: Path) -> Table | None:
    """Read the weather's file; None where there is none.

    Raises
    ------
    ProfileError
        It cannot be read, or lacks what it has to tell.
    """
    if weather.file is None:
        return None
    table = read_table(base / weather.file, weather.file)
    names = table.columns.column_names
    if GHI not in names:
        raise ProfileError(f"{weather.file!r} has no column {GHI!r}; expected the light in it")
    if (DNI in names) != (DHI in names):
        raise ProfileError(
            f"{weather.file!r} has one of {DNI!r} and {DHI!r}; expected both or none"
        )
    return table


def _check(table: Table, start_s: int, end_s: int) -> None:
    """Refuse a file that does not reach over the time, or holds what no weather is."""
    if not table.holds(start_s, end_s):
        held, wanted = (
            " to ".join(dt.datetime.fromtimestamp(at, dt.UTC).isoformat() for at in ends)
            for ends in ((table.start_s, table.end_s), (start_s, end_s))
        )
        raise ProfileError(f"holds {held}; expected it to reach over {wanted}")
    for name, (low, high) in _PLAUSIBLE.items():
        if name not in table.columns.column_names:
            continue
        values = table.column(name)
        wrong = np.flatnonzero(~((values >= low) & (values <= high)))
        if wrong.size:
            at = dt.datetime.fromtimestamp(table.start_s + table.step_s * int(wrong[0]), dt.UTC)
            raise ProfileError(
                f"{name} is {values[wrong[0]]:g} at {at.isoformat()}; expected {low:g} to {high:g}"
            )


def _modules(pv: PvSpec | None) -> bool:
    return pv is not None and pv.modules is not None


def _place(weather: WeatherSpec) -> Place:
    return Place(
        latitude_deg=weather.latitude_deg,
        longitude_deg=weather.longitude_deg,
        altitude_m=weather.altitude_m,
    )


def _measured(table: Table) -> HorizontalLight:
    """What the file says of the light, each value in the middle of its interval."""
    beam = DNI in table.columns.column_names
    return HorizontalLight(
        start_s=table.start_s + 0.5 * table.step_s,
        step_s=table.step_s,
        ghi=table.column(GHI),
        dni=table.column(DNI) if beam else None,
        dhi=table.column(DHI) if beam else None,
    )


def _track(table: Table | None, name: str, otherwise: float, unix_s: Floats) -> Floats:
    """A column of the weather at knots of time, or one value for all."""
    if table is None or name not in table.columns.column_names:
        return np.full(unix_s.size, otherwise)
    values = table.column(name)
    middle_s = table.start_s + table.step_s * (np.arange(values.size) + 0.5)
    return np.interp(unix_s, middle_s, values)


def _clouds(resolved: ResolvedScenario, weather: WeatherSpec) -> Clouds | None:
    if weather.clouds is None:
        return None
    from models.pv.roofs import Clouds

    key = keys([generator(resolved.seed, "sky")])
    return Clouds(key=key, depth=weather.clouds.depth, edges=weather.clouds.edges)


def _quarters(start: dt.datetime, end: dt.datetime) -> tuple[int, int]:
    return int(start.timestamp()) // 900 * 900, -(-int(np.ceil(end.timestamp())) // 900) * 900
