"""What every plugin has to keep, as test classes to inherit from.

    class TestMyDriver(DriverConformance):
        entry_point = "my_plugin"
        driver_name = "my_driver"

        def vendor(self) -> Vendor:
            return MyVendorSandbox(key=self.secret)

        def operations(self) -> Sequence[Operation]:
            return (translate("The house is red."),)

A driver is tried over real HTTP against a sandbox vendor with its faults; a source against a `WireDouble`. The
classes need pytest and pytest-asyncio.
"""

from provider_console.testing.driver_conformance import DriverConformance
from provider_console.testing.source_conformance import SourceConformance

__all__ = ["DriverConformance", "SourceConformance"]
