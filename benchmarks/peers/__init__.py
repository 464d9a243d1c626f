"""Job systems that Lockgate is compared with, each with the same payment; they run in an environment of their own."""
