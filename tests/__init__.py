"""The tests. Each folder is about the part of the product that has its name, or a door to it."""

import atexit
import gc

gc.set_threshold(200_000, 50, 50)  # what is imported stays, and a test leaves little behind
atexit.register(gc.freeze)  # and is not looked through at the end
