"""The three, as `python -m soak --subject` takes them."""
