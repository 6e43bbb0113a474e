"""Who makes orders of what a peer knows."""
