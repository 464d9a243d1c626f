"""Lockgate on one machine, with everything that it needs: to look at, and to break."""
