"""Every stream of a process: what each consists of, and how they come, change and go while it runs."""
