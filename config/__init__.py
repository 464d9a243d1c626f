"""Files and environment, read and checked at start: what a provider is, and what differs by deployment."""
