"""Who may use the API, how often, and what of it they see."""
