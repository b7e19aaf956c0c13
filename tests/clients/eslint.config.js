// What schema.graphql keeps to: @graphql-eslint's sets of rules for schemas and for Relay; what is excepted, and why.
import { readFileSync } from "node:fs";
import graphql from "@graphql-eslint/eslint-plugin";
import { buildSchema } from "graphql";

const SCHEMA = "schema.graphql";
const schema = buildSchema(readFileSync(SCHEMA, "utf8"));

const WITHOUT_ID = {
  // Pages, their entries, numbers of things of one kind, and what the viewer may do with a thing: all of them are
  // computed for one answer, and belong to what was asked for.
  suffixes: ["Connection", "Edge", "Facet", "Facets", "Stats", "StatsGroup", "StatsGroupKey", "ViewerCan"],
  // They say what became of a call or of a thing; the thing has an id.
  interfaces: ["Change", "Error", "Outcome", "Outcomes"],
  types: {
    EmailVerified: "says what a mutation did",
    FieldChange: "a part of an audit entry",
    FieldProblem: "a part of InvalidInput",
    MailRequested: "says what a mutation did",
    Membership: "the viewer has one in each tenant; the tenant is named by its slug",
    MembershipTenant: "a tenant that is not entered: its slug is all that may be used",
    Money: "a value",
    OrderEventMessage: "a message; its event has an id",
    PageInfo: "a part of a page",
    ReceivedInvitation: "accepted by its token, which is mailed; it belongs to a tenant that is not entered",
    Session: "tokens; a LoginSession has an id",
    SessionsEnded: "says what a mutation did",
    Shortage: "a part of OutOfStock",
    TextSegment: "a part of a text",
    UsersSwitched: "says what a mutation did",
  },
};

// Relay can page through them, but not ask for one again. `node` finds what belongs to the tenant that is entered.
const EDGES_WITHOUT_NODE = {
  AccountEdge: "accounts belong to no tenant; superusers list them",
  AccountLogEntryEdge: "the log of all accounts belongs to no tenant; superusers list it",
  ManagedTenantEdge: "superusers list the tenants, without entering them",
  MembershipEdge: "a membership is the viewer's own, in whatever tenant",
  ReceivedInvitationEdge: "a received invitation is the viewer's own, from whatever tenant",
  SuperuserActEdge: "the log of what superusers did belongs to no tenant",
};

// Fields whose names begin like their type's, and say something else.
const NOT_PREFIXED = {
  'Field "changes" starts with the name of the parent type "Change"': "the values before and after the change",
};

for (const name of [...WITHOUT_ID.interfaces, ...Object.keys(WITHOUT_ID.types), ...Object.keys(EDGES_WITHOUT_NODE)]) {
  if (!schema.getType(name)) throw new Error(`Take ${name} out of the exceptions: there is no such type.`);
}
const ofInterfaces = WITHOUT_ID.interfaces.flatMap((name) =>
  schema.getPossibleTypes(schema.getType(name)).map((type) => type.name),
);

// These rules have no exceptions by name: their messages about what is excepted are dropped.
const lines = [];
const isAboutNode = ({ ruleId, messageId }) =>
  ruleId === "@graphql-eslint/relay-edge-types" && messageId === "MESSAGE_SHOULD_IMPLEMENTS_NODE";
const isExcepted = (one) =>
  one.message in NOT_PREFIXED || (isAboutNode(one) && lines[one.line - 1].split(/\W+/)[1] in EDGES_WITHOUT_NODE);
const excepted = {
  preprocess(text) {
    lines.splice(0, lines.length, ...text.split("\n"));
    return [text];
  },
  postprocess: ([messages]) => messages.filter((one) => !isExcepted(one)),
};

export default [
  {
    files: ["**/*.graphql"],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: SCHEMA } } },
    plugins: { "@graphql-eslint": graphql },
    processor: excepted,
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      "@graphql-eslint/strict-id-in-types": [
        "error",
        { exceptions: { suffixes: WITHOUT_ID.suffixes, types: [...ofInterfaces, ...Object.keys(WITHOUT_ID.types)] } },
      ],
      "@graphql-eslint/relay-edge-types": [
        "error",
        {
          withEdgeSuffix: true,
          shouldImplementNode: true,
          // Pages have `nodes`, a shortcut for clients that need no cursors; and what is never long, such as the
          // changes of an entry or the problems of an input, is a list.
          listTypeCanWrapOnlyEdgeType: false,
        },
      ],
    },
  },
];
