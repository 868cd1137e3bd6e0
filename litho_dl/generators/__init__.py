"""Networks that draw masks: how they are trained, kept, and used."""
