"""What a client learns of a fault of ours: that there was one, and by which id to ask about it."""

import json
import logging

import pytest
from graphql import GraphQLError

from graph.fields.errors import mask_error
from tests.support.factories import World

SECRET = "a-secret-of-the-database"
MESSAGE = "Something went wrong. Quote the request id when you report it."
FAIL = f"""
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE '{SECRET}'; END $$;
    CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION fail();
"""
CREATE = 'mutation { createTask(input: {title: "Plan"}) { __typename } }'
UPDATE = 'mutation($id: ID!) { updateTask(input: {id: $id, title: "Plan B"}) { __typename } }'


@pytest.mark.parametrize("mutation", [CREATE, UPDATE])
async def test_an_unexpected_error_is_logged_and_not_told(
    world: World, mutation: str, caplog: pytest.LogCaptureFixture
) -> None:
    ours = {"tenant_id": world.acme.tenant_id, "created_by": world.acme.owner.user_id}
    task_id = await world.add("tasks", **ours, title="Plan")
    await world.connection.execute(FAIL)
    variables = {"id": f"Task:{task_id}"} if "$id" in mutation else {}
    with caplog.at_level(logging.ERROR, "atrium"):
        answer = await world.acme.owner.client.send(mutation, **variables)
    [error] = answer["errors"]
    assert (error["message"], error["extensions"]["code"]) == (MESSAGE, "INTERNAL")
    assert error["extensions"]["requestId"]
    for word in (SECRET, "tasks", "INSERT", "UPDATE", "asyncpg", "Traceback"):
        assert word not in json.dumps(answer)
    assert SECRET in caplog.text


@pytest.mark.parametrize("cause", [RuntimeError(SECRET), KeyError(SECRET), GraphQLError(SECRET)])
def test_no_cause_reaches_the_message(cause: Exception) -> None:
    error = GraphQLError(SECRET, original_error=cause, path=["tasks"], extensions={"code": "INTERNAL"})
    masked = mask_error(error, "request-1", suggestions=True)
    assert masked.message == MESSAGE
    assert masked.extensions == {"code": "INTERNAL", "requestId": "request-1"}
    assert masked.original_error is None
