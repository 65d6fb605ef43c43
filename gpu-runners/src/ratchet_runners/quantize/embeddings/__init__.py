"""Tables that rows are looked up in, with a scale for each row."""
