"""The checker of shapes and types that tests run under: calls and results must be what annotations say.

`pytest --jaxtyping-packages=lipwright,shape_check.check` wraps every annotated function of the package with it. An
int is accepted where a float is asked for, as type checkers do.
"""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
