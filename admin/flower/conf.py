"""Flower's configuration with the page of dead letters: `celery -A tasks flower --conf=admin/flower/conf.py`.

What `config/flower.py` hides stays hidden; Flower takes its options from the names in here.
"""

from admin.flower.page import install
from config.flower import format_task, natural_time, purge_offline_workers

__all__ = ["format_task", "natural_time", "purge_offline_workers"]

install()
