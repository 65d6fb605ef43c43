"""The documents that cross the border: the job that comes in, the report that goes out."""
