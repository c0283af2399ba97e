"""The history of the database's tables, applied by `migrations.run`."""
