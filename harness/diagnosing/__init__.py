"""Diagnoses of conditioning: what is measured of a hypernetwork's adapters, and the verdict that the numbers make."""
