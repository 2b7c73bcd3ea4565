"""Train digits-forest and write its folder: weights, configuration, card."""

from __future__ import annotations

from pathlib import Path

from sklearn.ensemble import RandomForestClassifier

from training.digits_sklearn import Kind, train_and_publish

if __name__ == "__main__":
    train_and_publish(
        Path(__file__).parent,
        RandomForestClassifier(n_estimators=60, max_leaf_nodes=96, random_state=0),
        Kind(
            title="Digits forest",
            teaches=(
                "That sixty trees, each of which asks a few yes-or-no questions about "
                "single pixels, together read digits almost as well as a network."
            ),
            what=(
                "Each tree asks whether single pixels are darker than a threshold "
                "until it knows enough; the forest answers with the mean of its trees."
            ),
            training="60 trees of at most 96 leaves on 1,437 digits",
            source=(
                'Breiman, "Random Forests", 2001, as in scikit-learn, through skl2onnx'
            ),
            model_type="random-forest",
            scores="`probabilities`: float32, batch x 10, the mean of the trees.",
        ),
    )
