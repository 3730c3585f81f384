"""Other projects' interfaces over this one's networks: their code runs with one import changed."""
