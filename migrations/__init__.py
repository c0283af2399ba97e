"""The history of the database's tables; `migrations.run` applies it."""
