"""The pages on which the texts of the site's mail are edited."""
