"""What we send to providers and what their answers mean; adapters describe and interpret, one transport sends."""
