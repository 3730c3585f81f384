"""How `nano` was made: data, training, evaluation and export. Not part of the installed package."""
