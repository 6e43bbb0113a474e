"""From a trade to the last cent: contracts, cover, meters, settlement, ledger."""
