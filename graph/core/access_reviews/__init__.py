"""Access reviews: types, mutations, decisions, and the report of a closed one."""
