"""What keeps a soak from running."""


class SoakError(Exception):
    """A soak that cannot be run; the message says the mend."""
