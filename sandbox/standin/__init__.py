"""A provider that stands in for one of yours, as a description says: where things are made, and what protects them."""
