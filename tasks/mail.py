"""E-mail through Postmark."""

from integrations import postmark
from tasks.app import integration_task

send_email = integration_task(postmark.SendEmail)
