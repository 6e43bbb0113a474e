"""How the reconciliation of public and private bills is said."""

from __future__ import annotations

from .bills import Costs, Reconciled
from .report_words import count, eur, kwh, percent

__all__ = ["reconciliation_sentences"]


def reconciliation_sentences(all_of_it: Reconciled, costs: Costs) -> list[str]:
    """Say what the two sides come to, and what lies between them."""
    it = all_of_it
    told = [
        f"By their meters alone the supplier would bill all peers {_bill(it.public_ueur)}. "
        f"For what was traded it refunds {_bill(it.refund_ueur)}, the private side settles "
        f"{_bill(it.private_ueur)}, and the bills come to {_bill(it.total_ueur)}."
    ]
    if not it.transactions and not it.reconciliations:
        return told
    told.append(
        f"That took {count(it.transactions, 'transaction')} and "
        f"{count(it.reconciliations, 'reconciliation')} for {kwh(it.traded_milliwh)} worth "
        f"{eur(it.traded_ueur)}."
    )
    if it.cost_ueur:
        share = percent(it.cost_ueur, it.traded_ueur) if it.traded_ueur else "no part"
        told.append(
            f"At {_cost(costs.transaction_ueur)} a transaction and "
            f"{_cost(costs.reconciliation_ueur)} a reconciliation they cost {eur(it.cost_ueur)}: "
            f"{share} of the value traded, where trading gained {eur(it.gain_ueur)}."
        )
    if it.transactions and it.gain_ueur > 0:
        told.append(
            f"All peers gain {eur(it.gain_ueur)}: a transaction may cost up to "
            f"{eur(it.break_even_ueur)}, its reconciliations included, before that is gone."
        )
    return told


def _bill(ueur: int) -> str:
    """Say an amount as peers see it: negative when they pay."""
    return f"{ueur / 1e6:+.2f} €"


def _cost(ueur: int) -> str:
    return f"{ueur / 1e4:g} ct"
