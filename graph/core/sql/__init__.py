"""SQL statements of the tenant core, built from rows that the viewer may read."""
