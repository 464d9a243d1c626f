"""What the guarantees cost: the same HTTP call through Lockgate and through bare Celery, in one run on one machine."""
