"""Random step networks as scikit-learn estimators: a classifier, a regressor, a transformer.

Each is imported from its module: to read a model file takes no scikit-learn.
"""
