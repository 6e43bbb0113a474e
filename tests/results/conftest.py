"""A recorded run to judge and to report: a made-up village, settled by the real market.

Sixty minutes, four periods, and a seller whose inverter trips in the third. Physics is a toy
(voltage is a linear map of the powers); everything is written through our own writers.
"""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from market.delivery.contract import Contract
from market.delivery.cover import Cover
from market.delivery.ledger import Ledger, Posting
from market.delivery.settlement import Period, Terms, account_of, settle_period
from results.folder import EventLog, Manifest, write_json
from results.recording import TickRecorder
from results.tables import write_table

PEERS = (*(f"house {i}" for i in range(1, 20)), "mill", "lpd")
BUSES = ("busbar", *(f"joint {i}" for i in range(1, 21)), *(f"home {i}" for i in range(1, 21)))
PERIOD_S, START, TRIP_S, CALLED_S, STARTED_S = 900, "2016-06-14T11:45:00+02:00", 2340, 2344, 2345
TERMS = Terms()
TABLES = ("periods", "contracts", "covers", "meters", "rows", "tokens", "settlement", "claims")


@pytest.fixture(scope="session")
def village(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded village at one tick a second."""
    return record_village(tmp_path_factory.mktemp("runs") / "village-20160614T094500Z")


@pytest.fixture
def village_copy(village: Path, tmp_path: Path) -> Callable[..., Path]:
    """Give copies of the village to spoil."""
    import shutil

    return lambda: Path(shutil.copytree(village, tmp_path / "copy"))


def record_village(folder: Path, dt_s: float = 1.0) -> Path:
    """Play and record the village; also called by hand to look at the report."""
    folder.mkdir(parents=True)
    ticks_per_period = round(PERIOD_S / dt_s)
    manifest = Manifest(
        folder,
        {
            "scenario": "village",
            "about": "Noon in a village; the mill's inverter trips while it delivers.",
            "seed": 7,
            "command": "peerwatt run scenarios/village.yaml",
            "start": START,
            "dt_s": dt_s,
            "ticks": 4 * ticks_per_period,
            "ticks_per_period": ticks_per_period,
            "islanded": False,
            "versions": {"peerwatt": "0.1.0", "numpy": "2.4.6", "pandapower": "3.5.6"},
            "hashes": {"village.yaml": "5f" * 32, "grids/kerber-village.json": "a3" * 32},
            "machine": "Linux x86_64, AVX2, 2 CPUs, Python 3.11",
            "resolved": {"checks": [{"voltage_band": {"low_pu": 0.9, "high_pu": 1.1}}]},
        },
    )
    columns = _play(dt_s)
    _record_ticks(folder, columns, dt_s)
    net = _meter(columns["p_kw"], ticks_per_period, dt_s)
    _trade_and_settle(folder, columns, net, dt_s)
    with EventLog(folder) as log:
        log.write(round(TRIP_S / dt_s), "trip", peer="mill", device="mill-inverter")
        log.write(round(CALLED_S / dt_s), "shortfall", peer="mill", because="trip")
    write_json(folder / "network.json", _network())
    manifest.end("finished")
    return folder


def _play(dt_s: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    n, ticks = len(PEERS), round(3600 / dt_s)
    t = np.arange(ticks) * dt_s
    minutes = ticks // 60
    steps = rng.gamma(1.2, 0.4, size=(60, n)).repeat(minutes, axis=0)
    load = 0.15 + steps + 0.02 * rng.random((ticks, n))
    peak = np.where(rng.random(n) < 0.5, rng.uniform(3, 8, n), 0.0)
    peak[PEERS.index("mill")], peak[-1], load[:, -1] = 9.0, 0.0, 0.0
    cloud = 0.8 + 0.15 * np.sin(t / 240) * np.sin(t / 31) + 0.02 * rng.random(ticks)
    pv = peak * cloud[:, None]
    untripped = pv.copy()
    pv[t >= TRIP_S, PEERS.index("mill")] = 0.0
    battery = np.zeros((ticks, n))
    covering = (t >= STARTED_S) & (t < 3 * PERIOD_S)
    battery[covering, -1] = np.minimum((t[covering] - STARTED_S) * 2.0, 5.4)
    p = pv - load + battery
    path = np.minimum.outer(np.arange(n), np.arange(n))[: n - 1, : n - 1] % 10
    homes = 1.012 + p[:, :-1] @ path * 2.4e-5
    joints = 1.012 + (homes - 1.012) * 0.8
    vm = np.concatenate([np.full((ticks, 1), 1.012) + 1e-5 * p.sum(1)[:, None], joints, homes], 1)
    losses = 0.02 * np.abs(p).sum(1) ** 0.5
    return {
        "tick": np.arange(ticks),
        "f_hz": 50 + 0.02 * np.sin(t / 200) + 0.003 * rng.normal(size=ticks),
        "losses_kw": losses,
        "p_boundary_kw": losses - p.sum(1),
        "rocof_hz_per_s": 0.001 * rng.normal(size=ticks),
        "vm_pu": vm,
        "p_kw": p,
        "load_kw": load,
        "pv_kw": pv,
        "battery_kw": battery,
        "soc": np.full((ticks, n), 0.5),
        "untripped_kw": untripped - load,
    }


def _record_ticks(folder: Path, columns: dict[str, np.ndarray], dt_s: float) -> None:
    import json

    lists = {name: columns[name] for name in ("vm_pu", "p_kw", "load_kw", "pv_kw", "battery_kw")}
    lists["vuf_percent"] = 0.1 * np.abs(columns["vm_pu"] - 1)
    scalars = {
        "f_hz": columns["f_hz"],
        "f_min_hz": columns["f_hz"] - 0.002,
        "f_max_hz": columns["f_hz"] + 0.002,
        "rocof_hz_per_s": columns["rocof_hz_per_s"],
        "p_boundary_kw": columns["p_boundary_kw"],
        "losses_kw": columns["losses_kw"],
        "loading_max_percent": np.abs(columns["p_boundary_kw"]),  # a transformer of 100 kVA
    }
    metadata = {"buses": json.dumps(BUSES), "peers": json.dumps(PEERS), "dt_s": str(dt_s)}
    with TickRecorder(
        folder,
        scalars=list(scalars),
        lists={name: values.shape[1] for name, values in lists.items()},
        metadata={**metadata, "start": START},
    ) as recorder:
        whole = np.stack(list(scalars.values()), axis=1)
        for tick in columns["tick"].tolist():
            row = recorder.row(tick)
            row.scalars[:] = whole[tick]
            for name, place in row.lists.items():
                place[:] = lists[name][tick]
            recorder.commit()


def _meter(p_kw: np.ndarray, length: int, dt_s: float) -> np.ndarray:
    energy = p_kw.reshape(4, length, -1).sum(1) * dt_s / 3.6e-3
    return np.round(energy).astype(np.int64)


def _trade_and_settle(
    folder: Path, columns: dict[str, np.ndarray], net: np.ndarray, dt_s: float
) -> None:
    length = round(PERIOD_S / dt_s)
    wanted = _meter(columns["untripped_kw"], length, dt_s)
    ledger = Ledger(folder / "ledger.sqlite")
    fund = TERMS.guarantee_fund_ueur
    ledger.post(Posting(0, -1, 0, "endowment", "endowment", "guarantee_fund", fund))
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for period in range(4):
        contracts = _contracts(period, wanted[period], 100 * period + 1)
        for contract in contracts:
            _hold(ledger, contract, period * length)
        covers = _covers(contracts, net[period], dt_s) if period == 2 else []
        _settle(ledger, tables, period, contracts, covers, net[period], length)
    balances = ledger.balances()
    roles = {"lpd": "lpd", "dso": "dso", "supplier": "supplier", "guarantee_fund": "guarantee_fund"}
    tables["accounts"] = [
        {
            "account": account,
            "role": roles.get(account, "peer" if account.startswith("peer:") else "escrow"),
            "balance_ueur": balance,
        }
        for account, balance in balances.items()
    ]
    ledger.close()
    for name, rows in tables.items():
        write_table(folder, name, rows)


def _hold(ledger: Ledger, contract: Contract, tick: int) -> None:
    for peer, held in (
        (contract.seller, contract.collateral_seller_ueur),
        (contract.buyer, contract.collateral_buyer_ueur),
    ):
        where = (tick, contract.period, contract.contract_id, "deposited")
        ledger.post(Posting(*where, account_of(peer), "collateral", held))


def _contracts(period: int, wanted_milliwh: np.ndarray, first: int) -> list[Contract]:
    """Sell nine tenths of what each seller will have to as many buyers as it takes."""
    left = {
        peer: int(-0.9 * wh / 1000)
        for peer, wh in zip(PEERS, wanted_milliwh.tolist(), strict=True)
        if wh < -5000
    }
    made: list[Contract] = []
    supplies = sorted(
        zip(PEERS, wanted_milliwh.tolist(), strict=True), key=lambda s: s[0] != "mill"
    )
    for seller, milliwh in supplies:
        supply = int(0.9 * milliwh / 1000)
        for buyer in left:
            traded = min(supply, left[buyer])
            if traded > 0:
                held = TERMS.collateral_ueur(traded)
                number = first + len(made)
                price = 190 + 10 * period
                made.append(Contract(number, period, seller, buyer, traded, price, 12, held, held))
                left[buyer] -= traded
                supply -= traded
    return made


def _covers(contracts: list[Contract], net: np.ndarray, dt_s: float) -> list[Cover]:
    """The LPD stands in for every contract of the mill, as far as its meter shows."""
    mine = [c for c in contracts if c.seller == "mill"]
    share = int(net[-1]) // max(1, len(mine))
    return [
        Cover(
            cover_id=i + 1,
            contract_id=contract.contract_id,
            period=2,
            direction="cover",
            kind="lpd",
            party="lpd",
            called_tick=round(CALLED_S / dt_s),
            start_tick=round(STARTED_S / dt_s),
            end_tick=round(3 * PERIOD_S / dt_s),
            planned_milliwh=min(share, contract.energy_milliwh),
            price_ticks=TERMS.lpd_sell_ticks,
        )
        for i, contract in enumerate(mine)
    ]


def _settle(
    ledger: Ledger,
    tables: dict[str, list[dict[str, Any]]],
    period: int,
    contracts: list[Contract],
    covers: list[Cover],
    net: np.ndarray,
    length: int,
) -> None:
    meters = dict(zip(PEERS, net.tolist(), strict=True))
    shed = dict.fromkeys(PEERS, 0)
    tick = (period + 1) * length
    settled = settle_period(
        Period(
            period,
            tick,
            contracts,
            covers,
            meters,
            shed,
            fund_ueur=ledger.balance("guarantee_fund"),
        ),
        TERMS,
    )
    ledger.post_all(settled.postings)
    tables["rows"] += [row._asdict() for row in settled.rows]
    tables["claims"] += [claim._asdict() for claim in settled.claims]
    tables["covers"] += [dataclasses.asdict(cover) for cover in settled.covers]
    tables["settlement"].append(
        {
            "period": period,
            "closed_tick": tick,
            "residual": "supplier",
            "losses_milliwh": 0,
            **dataclasses.asdict(TERMS),
        }
    )
    tables["periods"].append(_cleared(period, contracts, gate_tick=period * length - length // 3))
    for peer, milliwh in meters.items():
        tables["meters"].append(
            {"period": period, "peer": peer, "net_milliwh": milliwh, "shed_milliwh": 0}
        )
    tables["tokens"] += _tokens(period, contracts, dict(settled.burned))
    for outcome in settled.outcomes:
        values = outcome._asdict()
        contract = dataclasses.asdict(values.pop("contract"))
        tables["contracts"].append({**contract, **values, "state": "settled"})


def _cleared(period: int, contracts: list[Contract], *, gate_tick: int) -> dict[str, int]:
    return {
        "period": period,
        "gate_tick": gate_tick,
        "price_ticks": 190 + 10 * period,
        "volume_wh": sum(c.energy_wh for c in contracts),
        "offers_wh": 9000,
        "requests_wh": 6000,
        "retail_ticks": TERMS.retail_ticks,
        "feed_in_ticks": TERMS.feed_in_ticks,
    }


def _tokens(
    period: int, contracts: list[Contract], burned: dict[str, int]
) -> Iterator[dict[str, Any]]:
    for peer in sorted({c.seller for c in contracts}):
        minted = sum(c.energy_milliwh for c in contracts if c.seller == peer)
        out = burned.get(peer, 0)
        yield {
            "period": period,
            "peer": peer,
            "minted_milliwh": minted,
            "burned_milliwh": out,
            "expired_milliwh": minted - out,
            "live_milliwh": 0,
        }


def _network() -> dict[str, Any]:
    joints = [f"joint {i}" for i in range(1, 21)]
    lines = [("busbar", joints[0]), ("busbar", joints[10])]
    lines += [(joints[i], joints[i + 1]) for i in range(19) if i != 9]
    lines += [(joint, joint.replace("joint", "home")) for joint in joints]
    peers = {f"home {i + 1}": [peer] for i, peer in enumerate(PEERS[:20])} | {"busbar": ["lpd"]}
    return {
        "buses": [{"name": name, "peers": peers.get(name, [])} for name in BUSES],
        "lines": [
            {"from": one, "to": other, "name": f"line {i}"} for i, (one, other) in enumerate(lines)
        ],
    }


STREET = {"anna": "consumer", "ben": "prosumer", "carl": "producer", "lpd": "lpd"}


@pytest.fixture
def record_market(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes the run of a street of three peers, of whole periods.

    It takes the market's entry of the manifest, tables by name, and power by column of the
    tick table: one row per period of 15 minutes, one column per peer. [kW]
    """

    def record(
        market: dict[str, str] | None = None,
        *,
        ticks: dict[str, list[list[float]]] | None = None,
        **tables: list[dict[str, Any]],
    ) -> Path:
        folder = tmp_path / "street"
        folder.mkdir()
        told = {"scenario": "street", "start": START, "ticks_per_period": 1, "peers": STREET}
        manifest = Manifest(folder, {**told, **({"market": market} if market else {})})
        _record_street(folder, ticks or {"p_kw": [[0.0] * len(STREET)] * 2})
        for name, rows in tables.items():
            write_table(folder, name, rows)
        manifest.end("finished")
        return folder

    return record


def _record_street(folder: Path, lists: dict[str, list[list[float]]]) -> None:
    import json

    metadata = {"peers": json.dumps(list(STREET)), "dt_s": str(PERIOD_S), "start": START}
    widths = dict.fromkeys(lists, len(STREET))
    with TickRecorder(folder, scalars=[], lists=widths, metadata=metadata) as recorder:
        for tick in range(len(next(iter(lists.values())))):
            columns = {name: np.array(rows[tick]) for name, rows in lists.items()}
            recorder.write(tick, [], columns)
