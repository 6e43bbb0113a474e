"""What keeps people and devices safe: limits, arming, revert timers, the guardian."""
