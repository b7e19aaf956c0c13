// The audits of npm's graphql-http, which follow the drafts before the first edition of GraphQL over HTTP.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.env.ENDPOINT });
const failed = results.filter(({ status }) => status !== "ok");
for (const { id, name, reason } of failed) console.log(`${id} ${name}: ${reason}`);
console.log(`${results.length - failed.length} of ${results.length}`);
if (failed.length || !results.length) process.exit(1);
