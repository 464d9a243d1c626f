"""What grows: a long past, a long queue, many tenants; and how long one operation takes when nothing else is there."""
