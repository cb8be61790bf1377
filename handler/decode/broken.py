"""What a broken or hostile file makes Pillow raise while it reads it."""

import struct
from typing import Final

BROKEN: Final = (
    OSError,
    ValueError,
    SyntaxError,
    RuntimeError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    EOFError,
    struct.error,
)
