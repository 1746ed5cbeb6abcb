"""From a source file and a site in it to a prefix-target problem."""
