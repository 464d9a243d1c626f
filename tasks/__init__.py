"""The Celery face of Lockgate: `celery -A tasks worker`."""

from tasks.app import app as celery

__all__ = ["celery"]
