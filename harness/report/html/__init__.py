"""One self-contained page of a report, with the details of tasks beside it."""
