"""A scikit-learn script as it might lie around; nothing in it knows of rectifiers.

Compare activations with it:

    rectifiers compare --arms relu,tanh,logistic \
        --command 'python examples/sklearn_script.py --act {arm} --seed {seed} --out {out}/result.json' \
        --metric-file '{out}/result.json:accuracy'
"""

import argparse
import json
import warnings
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--act", default="relu", choices=["relu", "tanh", "logistic", "identity"])
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, required=True)
options = parser.parse_args()

warnings.simplefilter("ignore")  # few iterations, on purpose
x, y = load_digits(return_X_y=True)
model = MLPClassifier((32,), activation=options.act, max_iter=15, random_state=options.seed)
model.fit(x[:1200] / 16, y[:1200])
options.out.write_text(json.dumps({"accuracy": 100 * model.score(x[1200:] / 16, y[1200:])}))
