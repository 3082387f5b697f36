// JSON schemas: fastify checks bodies with them (ajv) and writes answers with them.
const text = {type: 'string'}
const flag = {type: 'boolean'}
const time = {type: 'string', format: 'date-time', nullable: true}
const count = {type: 'integer', nullable: true}
const line = (maxLength, minLength = 0) => (
  {type: 'string', minLength, maxLength, pattern: '^[^\\x00-\\x1f\\x7f]*$'})
const levels = {
  type: 'array',
  maxItems: 4,
  items: {type: 'string', enum: ['FEDERAL', 'PROVINCIAL', 'MUNICIPAL', 'SCHOOL_BOARD']},
}
const recipient = {type: 'object', properties: {key: text, name: text, title: text}}
const own = {
  id: text, slug: text, title: text, description: text, email_subject: text, email_body: text,
  call_to_action: text, cover_photo: text, language: text,
}
const flags = {allow_smtp_email: flag, allow_mailto_link: flag, allow_email_editing: flag}

export const publicCampaign = {
  type: 'object',
  properties: {
    ...own,
    target_government_levels: {type: 'array', items: text},
    ...flags,
    show_email_count: flag,
    email_count: count,
    is_open: flag,
    starts_at: time,
    ends_at: time,
    custom_recipients: {type: 'array', items: recipient},
  },
}

export const listing = {
  type: 'object',
  properties: {
    data: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          id: text, slug: text, title: text, description: text, email_subject: text,
          cover_photo: text, language: text, published_at: time, email_count: count,
        },
      },
    },
    pagination: {
      type: 'object',
      properties: {
        total: count, limit: count, offset: count, has_more: flag,
        next_cursor: {type: 'string', nullable: true}, total_at_least: count,
      },
    },
  },
}

export const madeCampaign = {
  type: 'object',
  properties: {
    ...own,
    status: text,
    target_government_levels: {type: 'array', items: text},
    ...flags,
    allow_custom_recipients: flag,
    show_email_count: flag,
    starts_at: time,
    ends_at: time,
    published_at: time,
    created_by: {type: 'string', nullable: true},
    created_at: time,
    updated_at: time,
  },
}

export const newCampaign = {
  type: 'object',
  additionalProperties: false,
  required: ['title', 'email_subject', 'email_body', 'target_government_levels'],
  properties: {
    title: line(200, 1),
    email_subject: line(200, 1),
    email_body: {type: 'string', minLength: 1, maxLength: 20_000},
    target_government_levels: levels,
    description: {type: 'string', maxLength: 20_000},
    call_to_action: line(500),
    cover_photo: line(500),
    language: {type: 'string', enum: ['en', 'fr']},
    ...flags,
    allow_custom_recipients: flag,
    show_email_count: flag,
    starts_at: time,
    ends_at: time,
  },
}
