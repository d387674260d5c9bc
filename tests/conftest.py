"""How all tests run."""

import os

from hypothesis import settings

# A gate must not fail by luck: there the examples are the same each time, elsewhere they are new.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("gate" if os.environ.get("CI") else "developer")
