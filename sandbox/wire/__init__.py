"""Sockets, HTTP in and HTTP out: knows neither providers nor faults."""
