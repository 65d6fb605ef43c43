"""Takes out the shift that rounding gives to a layer's mean output."""
