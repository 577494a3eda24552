"""Small generated data with a model each, for losses that are named: every module has `load` and `build`."""
