"""The root conftest of Celery's own integration suite, when it is heard over stock Celery."""

pytest_plugins = ("celery.contrib.pytest",)
