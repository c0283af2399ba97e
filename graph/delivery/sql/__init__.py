"""SQL statements of delivery that no declared edge generates."""
