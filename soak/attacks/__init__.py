"""The attacks that can be made here: each a generator that does harm, waits so many seconds, and mends it."""
