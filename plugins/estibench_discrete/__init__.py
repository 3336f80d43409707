"""Gradients through discrete variables: problems with exact gradients, and the estimators of such gradients."""
