"""Web frameworks: `authfsm.contrib.fastapi` and `authfsm.contrib.django`, written with the public API alone."""
