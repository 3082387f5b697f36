"""Pages in a browser: templates, forms, static files, languages."""
