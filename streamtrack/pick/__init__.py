"""A local page on which a film's prompts are clicked, their masks previewed, and the job started."""
