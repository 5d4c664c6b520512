"""The parts of the Aave v3 plugin: its events, its versions, and where its prices come from."""
