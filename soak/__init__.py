"""The soak: real work under real attacks, and an independent checker that may find fault with it."""
