"""The control port: how a test tells the sandbox to lie, and asks it what is true."""
