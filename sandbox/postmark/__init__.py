"""The stand-in for Postmark: e-mails that are accepted, and a search that may lag."""
