"""Static post-training quantization to eight bits."""
