"""Peers: published libraries as estimators, one file a library, under the same truth as the built-in ones.

Each estimator claims what the library's own documentation says, quoted in its docstring. Without the library its rows
are *unsupported* and say how to install it. Nothing here is meant to be imported by others.
"""
