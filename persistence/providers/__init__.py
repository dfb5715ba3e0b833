"""Other people's systems: payment providers, and later carriers and notifications."""
