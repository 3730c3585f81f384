"""Who may what: roles and principals, keys, sessions of the login page, wrong guesses, the audit log."""
