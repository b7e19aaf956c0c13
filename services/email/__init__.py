"""E-mail: the messages that are sent, and the tokens in their links."""
