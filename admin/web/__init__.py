"""The operators' pages and the JSON interface: one function behind each of them, under the same rules."""
