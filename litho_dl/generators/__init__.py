"""Networks that draw masks, and surrogates of the simulator: how they are trained, kept, and used."""
