"""Mail templates: the texts of a site's mail, which organisers edit."""
