from estibench.columns import *  # noqa
