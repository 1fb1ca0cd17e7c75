"""The data flags of HJ 212-2017: one letter that says how a value came about."""

from typing import Final

NORMAL: Final = "N"
SATURATED: Final = "T"

FLAGS: Final[dict[str, tuple[str, str]]] = {
    "N": ("正常", "normal"),
    "F": ("停运", "stopped"),
    "M": ("维护", "maintenance"),
    "S": ("手工输入", "set by hand"),
    "D": ("故障", "fault"),
    "C": ("校准", "calibration"),
    "T": ("超量程", "above range"),
    "B": ("通讯异常", "no communication"),
}
"""Letter → (Chinese, English). Only N enters a statistic (design §5)."""
