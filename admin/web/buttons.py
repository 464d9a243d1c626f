"""Sentences name commands, for they are typed or read in a log; on a page the same sentence names its buttons."""

import re

_SAID = (
    (r"lockgate deadletter resolve \S+ --as none\b[^`]*", "Nothing happened, for sure"),
    (r"lockgate deadletter resolve \S+ --as declined\b[^`]*", "It was declined"),
    (r"lockgate deadletter resolve \S+ --as succeeded\b[^`]*", "It happened"),
    (r"lockgate deadletter requeue\b[^`]*", "Requeue"),
    (r"lockgate deadletter discard\b[^`]*", "Discard"),
    (r"lockgate deadletter edit \S+ --because[^`]*", "Send with a new key"),
    (r"lockgate deadletter (?:list|groups)\b[^`]*", "the page Dead letters"),
    (r"lockgate deadletter runs\b[^`]*", "the page Runs"),
    (r"lockgate deadletter edits\b[^`]*", "the page Approvals"),
    (r"lockgate provider status\b[^`]*", "the page of the provider"),
    (r"lockgate provider resume\b[^`]*", "Resume"),
    (r"lockgate admin (?:user|token) list\b[^`]*", "the page Accounts"),
)
_QUOTED = tuple((re.compile(f"`{pattern}`"), name) for pattern, name in _SAID)


def named(sentence: str) -> str:
    """The sentence with the name of a button or page in place of each command that has one."""
    for pattern, name in _QUOTED:
        sentence = pattern.sub(name if name.startswith("the ") else f"“{name}”", sentence)
    return sentence
