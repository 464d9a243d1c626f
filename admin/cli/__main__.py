"""`python -m admin.cli`: the same as `lockgate`, by the interpreter that runs this."""

from admin.cli.main import main

main()
