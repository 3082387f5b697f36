// Strapi's own, without the one that writes a line for each request to the terminal.
module.exports = [
  'strapi::errors', 'strapi::security', 'strapi::cors', 'strapi::poweredBy', 'strapi::query',
  'strapi::body', 'strapi::session', 'strapi::favicon', 'strapi::public',
]
