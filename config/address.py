"""Addresses, and whether what is sent to one stays between the two."""

from urllib.parse import urlsplit

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def local(url: str) -> bool:
    """Whether an address is this machine's own."""
    return urlsplit(url).hostname in LOOPBACK


def private(url: str) -> bool:
    """Whether nobody on the network sees what is sent to an address: it is https, or this machine's own."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and local(url)))
    except ValueError:
        return False
