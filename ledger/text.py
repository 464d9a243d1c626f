"""Text from elsewhere, on its way into PostgreSQL."""


def storable(text: str) -> str:
    """Text as PostgreSQL takes it: what came over a line may hold NULs or halves of characters, and is kept all the same."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
