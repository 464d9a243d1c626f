"""How long the admin's pages take over a long past; `make bench-pages`."""
