"""The same study five ways: a loop by hand, Optuna, Ray Tune, this library without and with a race."""
