"""The command `lockgate`: one file per noun."""
