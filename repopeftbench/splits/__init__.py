"""Which suite and role a repository, commit or file gets, and what must leave a split again."""
