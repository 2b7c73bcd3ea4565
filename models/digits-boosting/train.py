"""Train digits-boosting and write its folder: weights, configuration, card."""

from __future__ import annotations

from pathlib import Path

from sklearn.ensemble import GradientBoostingClassifier

from training.digits_sklearn import Kind, train_and_publish

if __name__ == "__main__":
    train_and_publish(
        Path(__file__).parent,
        GradientBoostingClassifier(
            learning_rate=0.2,
            n_estimators=80,
            max_leaf_nodes=8,
            max_depth=None,
            subsample=0.5,
            max_features=8,
            random_state=0,
        ),
        Kind(
            title="Digits boosting",
            teaches=(
                "How hundreds of tiny trees add up: each corrects a little of what "
                "all those before it got wrong."
            ),
            what=(
                "Eighty rounds of ten small trees, one for each digit; each round "
                "learns what the rounds before it left over, and the sums are compared."
            ),
            training="80 rounds of 10 trees of at most 8 leaves on 1,437 digits",
            source=(
                'Friedman, "Stochastic Gradient Boosting", 2002, as in scikit-learn, '
                "through skl2onnx"
            ),
            model_type="gradient-boosting",
            scores="`probabilities`: float32, batch x 10, the softmax of the sums.",
        ),
    )
