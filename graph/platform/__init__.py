"""What all products use and none owns: background jobs."""
