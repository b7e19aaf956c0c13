"""The application: builds everything from the settings and starts it. Nothing else imports it."""
