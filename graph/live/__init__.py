"""Live queries: events are sent to followers in order, once, while they may see them."""
