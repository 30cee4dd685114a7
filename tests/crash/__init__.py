"""The vault as real processes, killed, starved, lied to and spied on."""
