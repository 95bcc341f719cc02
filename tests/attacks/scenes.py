"""All scenarios, in the order of the table."""

import scenes_writes  # noqa: F401
import scenes_people  # noqa: F401
import scenes_answers  # noqa: F401
import scenes_memory  # noqa: F401
import scenes_proposals  # noqa: F401
import scenes_limits  # noqa: F401
import scenes_customers  # noqa: F401
import scenes_front_door  # noqa: F401
import scenes_errors  # noqa: F401
