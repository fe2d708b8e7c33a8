"""The numbers that say how a presenter's mouth looks at one moment.

Seven numbers per moment, float32, in this order:

======= ======== ====================================================================
name    range    meaning
======= ======== ====================================================================
jaw     0..1     0 teeth together, 1 the widest opening of speech
width   -1..1    -1 narrow, 0 at rest, 1 spread
round   0..1     lips pushed forward and rounded
press   0..1     lips pressed on each other (p, b, m)
tuck    0..1     lower lip under the upper teeth (f, v)
tongue  0..1     tongue raised and seen between the teeth (th, l, n, t, d)
teeth   0..1     upper teeth shown
======= ======== ====================================================================
"""

import numpy as np

PARAMETERS = ("jaw", "width", "round", "press", "tuck", "tongue", "teeth")
"""Names of the articulation parameters, in the order of every array that holds them."""

LOWEST = np.array([0, -1, 0, 0, 0, 0, 0], dtype=np.float32)
"""Smallest value of each parameter, (7,) float32."""

HIGHEST = np.ones(7, dtype=np.float32)
"""Largest value of each parameter, (7,) float32."""

REST = np.array([0.0, 0.0, 0.0, 0.15, 0.0, 0.0, 0.0], dtype=np.float32)
"""The mouth in silence: lips closed lightly, (7,) float32."""
