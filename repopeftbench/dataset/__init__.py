"""The dataset on disk: tables, folder, manifest."""
