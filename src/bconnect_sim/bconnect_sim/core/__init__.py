"""Pure: scenario, street, traffic protocol, truth. No files, no SUMO, no pixels library."""
