"""What has become a person's turn: park, review, requeue, resolve, discard."""
