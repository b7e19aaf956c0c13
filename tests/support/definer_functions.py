"""The functions that run with the rights of their owner, and what each of them is for."""

__all__ = ["DEFINER_FUNCTIONS"]

SPREAD_LIVE = [f"atrium_spread_live_{name}" for name in ("account", "membership", "tenant")]

DEFINER_FUNCTIONS = {
    "atrium_enter": "lets a person or a machine in: what it checks lies outside every wall",
    "atrium_keep_live_session": "trigger: what a session amounts to is kept where nobody else may write",
    "atrium_keep_live_api_key": "trigger: likewise of an API key",
    **dict.fromkeys(SPREAD_LIVE, "trigger: a change of who is let in reaches sessions and keys there"),
    "atrium_require_superuser": "fails a statement that answers to superusers alone for everybody else",
    "atrium_set_active": "suspends and resumes accounts and tenants, for superusers and operators",
    "atrium_note_superuser_act": "trigger: what they do joins a log in which nobody else may write",
    "atrium_throttle": "counts tries, of which the runtime role may read nothing",
    "atrium_forgive": "forgets them",
    "atrium_spend_cost": "takes points out of buckets of all tenants, and says how many are left",
    "atrium_enqueue_events": "trigger: new events join the sealer's queue, which nobody else may touch",
    "atrium_seal": "gives committed entries of all tenants their positions, and returns how many",
    "atrium_tail": "says whose streams moved, by ids alone, so that one reader wakes all subscribers",
    "atrium_feed_head": "says how far the feed of all tenants has come: one number",
    "atrium_log_account_event": "trigger: what happens to an account joins its log",
    "atrium_audit": "trigger: what changed joins the log, in which nobody else may write",
    "atrium_enqueue_audit": "trigger: new entries of the log join the sealer's queue",
    "atrium_forget": "forgets the values of a row that is gone, of the tenant entered; the log says so",
    "atrium_copy_account": "trigger: a new membership copies name and address of an account behind a wall",
    "atrium_add_languages": "trigger: the languages of articles join those that queries are read in",
    "atrium_learn_words": "trigger: the words of articles join those that queries are put right by",
    "atrium_spread_account": "trigger: a renamed account reaches its memberships in all tenants",
}
