"""What the activations cost: time, bandwidth and memory, side by side with torch's own.

    make bench                                        # under twelve minutes of two cores
    python -m benchmarks.activations --quick          # a minute, figures that mean nothing
    python -m benchmarks.activations --device cuda

Writes benchmarks/RESULTS.md and its plots.
"""
