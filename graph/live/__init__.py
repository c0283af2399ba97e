"""Live queries: each event is sent once and in order to the followers who can read it."""
