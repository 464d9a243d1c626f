"""A page of dead letters inside of Flower, which leads into the admin."""
