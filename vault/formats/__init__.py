"""How times are written where Django writes them, which is in the admin: FORMAT_MODULE_PATH."""
