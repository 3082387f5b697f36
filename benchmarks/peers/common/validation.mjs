// The body of a new campaign as a zod schema, for the peers that bring no validation.
import {z} from 'zod'

const line = (most, least = 0) => z.string().min(least).max(most).regex(/^[^\x00-\x1f\x7f]*$/)

export const NewCampaign = z.strictObject({
  title: line(200, 1),
  email_subject: line(200, 1),
  email_body: z.string().min(1).max(20_000),
  target_government_levels: z.array(
    z.enum(['FEDERAL', 'PROVINCIAL', 'MUNICIPAL', 'SCHOOL_BOARD'])).max(4),
  description: z.string().max(20_000).default(''),
  call_to_action: line(500).default(''),
  cover_photo: line(500).default(''),
  language: z.enum(['en', 'fr']).default('en'),
  allow_smtp_email: z.boolean().default(true),
  allow_mailto_link: z.boolean().default(true),
  allow_email_editing: z.boolean().default(false),
  allow_custom_recipients: z.boolean().default(false),
  show_email_count: z.boolean().default(true),
  starts_at: z.iso.datetime({offset: true}).nullable().default(null),
  ends_at: z.iso.datetime({offset: true}).nullable().default(null),
})
