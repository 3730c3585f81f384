"""The annotated picture: drawn once, encoded once, handed to every viewer."""
