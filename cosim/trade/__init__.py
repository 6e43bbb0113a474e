"""The market inside a run: bids, gates, contracts, prices, disputes."""
