"""Statistics as pure functions on arrays: how a study decides. Imports no torch.

- `rectifiers.evidence.paired`: an arm against a control over the same seeds, fixed number of seeds.
- `rectifiers.evidence.divergence`: do runs of one arm fail more often?
- `rectifiers.evidence.anytime`: inference that stays valid however often one looks.
- `rectifiers.evidence.correction`: the share of the error each of several comparisons may take.
"""
