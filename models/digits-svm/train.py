"""Train digits-svm and write its folder: weights, configuration, card."""

from __future__ import annotations

from pathlib import Path

from sklearn.svm import SVC

from training.digits_sklearn import Kind, train_and_publish

if __name__ == "__main__":
    train_and_publish(
        Path(__file__).parent,
        SVC(C=10.0, gamma="scale", decision_function_shape="ovo"),
        Kind(
            title="Digits SVM",
            teaches=(
                "How a support vector machine decides: it compares a picture with the "
                "training pictures that lie nearest to the border between two digits."
            ),
            what=(
                "For each pair of digits it weighs how near the picture is to the "
                "training pictures along their border; the pairs then vote."
            ),
            training="Gaussian kernel, C = 10, on 1,437 digits",
            source=(
                'Cortes and Vapnik, "Support-Vector Networks", 1995, as in '
                "scikit-learn, through skl2onnx"
            ),
            model_type="svm",
            scores=(
                "`votes`: float32, batch x 10, how many of its nine comparisons each "
                "digit wins."
            ),
        ),
    )
