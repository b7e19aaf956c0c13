import { SessionStore } from "../../shared/session";

/** One login for all tabs, each of which may be in another tenant. */
export const session = new SessionStore("atrium-app", localStorage);
