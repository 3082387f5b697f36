// Anyone may read campaigns; they come from the file that SEEDS names, once.
const fs = require('node:fs')

const CAMPAIGN = 'api::campaign.campaign'

module.exports = {
  async bootstrap({strapi}) {
    if (await strapi.db.query(CAMPAIGN).count() > 0) return
    for (const line of fs.readFileSync(process.env.SEEDS, 'utf8').trim().split('\n')) {
      await strapi.documents(CAMPAIGN).create({data: JSON.parse(line)})
    }
    const everybody = await strapi.db.query('plugin::users-permissions.role')
      .findOne({where: {type: 'public'}})
    for (const action of [`${CAMPAIGN}.find`, `${CAMPAIGN}.findOne`]) {
      await strapi.db.query('plugin::users-permissions.permission')
        .create({data: {action, role: everybody.id}})
    }
  },
}
