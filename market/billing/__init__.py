"""Rules that bill what meters showed, after the period."""
