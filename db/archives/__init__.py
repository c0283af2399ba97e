"""Tables with a partition for each month, and files to which months of them leave."""
