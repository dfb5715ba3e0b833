"""How questions are answered: input to command, id to loader, refusal to user error. Never touches SQL."""
