"""From git histories to assertion sites, commit by commit."""
