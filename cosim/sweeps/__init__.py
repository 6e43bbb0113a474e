"""Many runs of one scenario: drawn, played, resumed, searched."""
