"""B0."""

from baselines import subject

_ITSELF = subject.Subject("baselines.b0")
UNSURE = subject.UNSURE
terms, prepare, worker, ask, states, dump = (
    _ITSELF.terms, _ITSELF.prepare, _ITSELF.worker, _ITSELF.ask, _ITSELF.states, _ITSELF.dump,
)  # fmt: skip
