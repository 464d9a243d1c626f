"""The operators' surface."""
