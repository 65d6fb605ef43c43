"""Integer products whose activation scales are found while serving."""
