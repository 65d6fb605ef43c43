"""Which layer bears how few bits: sensitivity from one calibration pass, then a width for each layer."""
