"""What went wrong, as a number for HTTP and one sentence for people."""

from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from admin.cli.trouble import sentence
from config.errors import ConfigError
from operations.errors import NotAllowedError

_KNOWN = {404: "there is no such page, or none that you may see", 405: "this is not asked for like that"}


def status_of(error: Exception) -> int:
    """The status of HTTP."""
    match error:
        case HTTPException():
            return error.code or 500
        case NotAllowedError():
            return 409
        case ValidationError() | ConfigError():
            return 422
        case _:
            return 500 if sentence(error) is None else 503


def said_of(error: Exception) -> str:
    """One sentence; of a mistake of ours it tells nothing."""
    match error:
        case RequestEntityTooLarge():
            return "that is too much: send less"
        case HTTPException():
            return _KNOWN.get(error.code or 500) or str(error.description or error.name)
        case ConfigError():
            return error.message
        case ValidationError():
            wrong = error.errors()[0]
            return f"{'.'.join(str(part) for part in wrong['loc']) or 'this'}: {wrong['msg'].lower()}"
        case _:
            return sentence(error) or "this is a mistake of ours; the log has it"
