"""The misbehaviour: a catalogue of faults, and the ways in which one is chosen for a request."""
