"""Do they and we agree? Confirm one operation."""
