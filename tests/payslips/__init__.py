"""Another app of the same project, whose rows name files."""
