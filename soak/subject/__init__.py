"""What is put to the soak. Lockgate is one subject; anything with the same few names in a module is another.

See soak/README.md for the names.
"""
