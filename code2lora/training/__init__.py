"""Training loops, one readable module per kind of model."""
