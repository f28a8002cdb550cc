"""Which points of a search are tried next, and which trials are ended early."""
