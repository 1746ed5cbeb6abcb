"""Tables from scored runs."""
