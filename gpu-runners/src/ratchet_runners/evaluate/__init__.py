"""What a compressed model is worth: one evaluation for all recipes and the bench, by ONNX Runtime on real rows."""
