"""The words of Lockgate: operations, outcomes, states and keys, as values and pure functions."""
