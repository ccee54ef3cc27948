"""Device, precision and compilation."""
