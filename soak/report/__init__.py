"""What a run came to, for people and for machines: figures, one page with charts, one JSON file."""
