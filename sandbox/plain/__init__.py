"""A small generic provider: things with a reference that is unique in all of it, and pings that nobody can look up."""
