"""Each file wraps one outside library: libsumo, panda3d, PyAV."""
