"""Group ``kubelambda.io``, version ``v1alpha1``: one module per kind."""
