"""Real time: what happens is told to those who follow it, in order, once, while they may see it."""
