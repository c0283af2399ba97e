"""JUnit: the reader of test results, and their recording."""
