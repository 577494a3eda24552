"""What was planned and measured: immutable values, the events of a running study, the file that keeps them.

Nothing in this room imports torch: a finished study is read where torch is not installed.
"""
