"""Web frameworks and pytest: `fastapi`, `django` and the fixtures of `pytest_plugin`, written with the public API alone."""
