"""Lipwright: a video and a voice in, a lip-synced video out.

Public names are resolved on first use, so that `import lipwright` loads no torch, OpenCV or PyAV.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lipwright.adapt.learn import adapt_person as adapt_person
    from lipwright.adapt.options import AdaptOptions as AdaptOptions
    from lipwright.errors import Cancelled as Cancelled
    from lipwright.errors import InputError as InputError
    from lipwright.errors import LipwrightError as LipwrightError
    from lipwright.errors import MaterialError as MaterialError
    from lipwright.errors import MediaError as MediaError
    from lipwright.errors import NoFaceError as NoFaceError
    from lipwright.errors import OptionError as OptionError
    from lipwright.errors import OutputError as OutputError
    from lipwright.errors import WeightsError as WeightsError
    from lipwright.options import SyncOptions as SyncOptions
    from lipwright.pipeline.engine import Engine as Engine
    from lipwright.progress import Progress as Progress
    from lipwright.progress import ProgressEvent as ProgressEvent

__version__ = "0.1.0"

_HOMES = {
    "AdaptOptions": "lipwright.adapt.options",
    "Cancelled": "lipwright.errors",
    "Engine": "lipwright.pipeline.engine",
    "InputError": "lipwright.errors",
    "LipwrightError": "lipwright.errors",
    "MaterialError": "lipwright.errors",
    "MediaError": "lipwright.errors",
    "NoFaceError": "lipwright.errors",
    "OptionError": "lipwright.errors",
    "OutputError": "lipwright.errors",
    "Progress": "lipwright.progress",
    "ProgressEvent": "lipwright.progress",
    "SyncOptions": "lipwright.options",
    "WeightsError": "lipwright.errors",
    "adapt_person": "lipwright.adapt.learn",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lipwright' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
