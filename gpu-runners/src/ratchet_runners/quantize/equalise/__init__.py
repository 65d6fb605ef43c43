"""Makes the channels of successive layers alike before they are quantized."""
