"""What teams write with Celery alone, put to the same soak: the measure for what Lockgate is for."""
