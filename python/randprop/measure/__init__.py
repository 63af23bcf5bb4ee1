"""What a network is worth: evaluations, sweeps, and fitting and measuring in parts."""
