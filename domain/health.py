"""Device health (设备健康): findings about a monitor itself, which are no exceedance of its site.

They travel as evaluations of this standard and this factor, so that episodes, cases and squads
work as for any limit; whoever counts exceedances leaves the factor out.
"""

from typing import Final

STANDARD: Final = "yanchen/health"
"""Not a standard: every threshold under it is a product choice."""

FACTOR: Final = "device"
"""What is judged: the device, not one of its factors."""
