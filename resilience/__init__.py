"""Whether and when a call may be made, and how an operation goes on after it; knows no provider by name."""
