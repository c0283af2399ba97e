"""Run a PostgreSQL server inside the development environment."""
