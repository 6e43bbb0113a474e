"""Energy managers of peers: by rule, by a plan that rolls, or by what a user writes."""
