"""README, pictures, package and reports: what is written is true."""
