"""What the grid asks of trades: charges, pairing by least fee, admission."""
