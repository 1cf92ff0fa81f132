"""Image in: sources, driver, camera health, the encoded ring and what is cut from it."""
