"""Many models: who trains next, where, for how long, and the record of it."""
