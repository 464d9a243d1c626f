"""Who may use the admin: accounts, sessions, machine tokens, and how often somebody may try to sign in."""
