"""Tests of the training package.

Fast, for every change:  scripts/with-python scripts/training/requirements.txt -m unittest discover \
                             -s scripts/training/tests -t scripts/training
Slow, all twelve networks:  the same with  -p 'slow_*.py'
"""

import quiet  # noqa: F401
