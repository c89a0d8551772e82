"""Every ordinary run tries the same examples; PROPERTY_EXAMPLES=2000 looks for so many new ones in each test."""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
MORE = int(os.environ.get("PROPERTY_EXAMPLES", "0"))

settings.register_profile("steady", deadline=None, max_examples=80, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("new", deadline=None, max_examples=MORE or 80, suppress_health_check=SLOW, print_blob=True)
settings.load_profile("new" if MORE else "steady")
